/**
 * What changes of nodes conflict by: keys that they touch, and keys that what they do depends on.
 *
 *   node n      the node: touched when it is created, deleted, set
 *   exists n    touched when it is created or deleted
 *   names n     of its children: touched when one is created or deleted
 *   numbers n   of its sequential children: touched when one is created. Its name is known only in the
 *               log, so that who has found a name absent that ends in a number depends on this
 */
import {
  ANY_VERSION,
  CHECK,
  CREATE,
  DELETE,
  MULTI,
  type NodeOperation,
  type Operation,
  SET,
} from './node-operations.ts';
import { isNumbered, parentOf } from './node-path.ts';

/** No keys would be the whole namespace. */
const NOTHING = ['nothing'];

export function nodeKey(path: string): string {
  return `node ${path}`;
}

export function namesKey(path: string): string {
  return `names ${path}`;
}

export function numbersKey(path: string): string {
  return `numbers ${path}`;
}

function existsKey(path: string): string {
  return `exists ${path}`;
}

/** What the change touches; none: everything. */
export function touchedBy(operation: Operation): string[] {
  const operations = nodeOperationsOf(operation);
  if (operations === undefined) return [];
  const touched = new Set(operations.flatMap(touchedByOne));
  return touched.size === 0 ? NOTHING : [...touched];
}

function touchedByOne(operation: NodeOperation): string[] {
  const [kind, path] = operation;
  if (kind === CHECK) return [];
  if (kind === SET) return [nodeKey(path)];
  const parent = parentOf(path);
  if (kind === CREATE && operation[4]) return [namesKey(parent), numbersKey(parent)];
  return [nodeKey(path), existsKey(path), namesKey(parent)];
}

/** What the change's effect and result depend on. Read each BEFORE the next: `isThere` is asked between. */
export function* readBy(
  operation: Operation,
  isThere: (path: string) => boolean,
): Generator<string> {
  for (const one of nodeOperationsOf(operation) ?? []) {
    const [kind, path] = one;
    if (kind === CREATE) {
      yield* existence(parentOf(path), isThere);
      if (one[4]) yield namesKey(parentOf(path));
      else yield* existence(path, isThere);
      continue;
    }
    yield* existence(path, isThere);
    // What set() tells has the version in it.
    if (kind === SET || one[2] !== ANY_VERSION) yield nodeKey(path);
    if (kind === DELETE) yield namesKey(path);
  }
}

/** Whether a node is there. */
export function* existence(path: string, isThere: (path: string) => boolean): Generator<string> {
  yield existsKey(path);
  if (!isThere(path) && isNumbered(path)) yield numbersKey(parentOf(path));
}

function nodeOperationsOf(operation: Operation): readonly NodeOperation[] | undefined {
  if (operation[0] === MULTI) return operation[1];
  return operation[0] <= CHECK ? [operation as NodeOperation] : undefined;
}
