/** What an application asks for, checked, as what is in the log. Every error: ERR_INVALID_ARGUMENT. */
import { checkInteger, checkKeys, invalid } from '../../runtime/arguments.ts';
import type { SessionId } from '../../runtime/views/sessions.ts';
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
import { checkPath, checkSequentialPath, ROOT } from './node-path.ts';
import { PERSISTENT } from './node-tree.ts';

export interface CreateOptions {
  /** Ends with this thread's session; has no children. Default false. */
  readonly ephemeral?: boolean | undefined;
  /** Ten digits are put behind the path: of a number that grows with each child. Default false. */
  readonly sequential?: boolean | undefined;
}

/** One of the changes of `multi`; `version`: default -1, any. */
export type NodeChange<T = unknown> =
  | ({ readonly create: string; readonly data?: T | undefined } & CreateOptions)
  | { readonly set: string; readonly data: T; readonly version?: number | undefined }
  | { readonly delete: string; readonly version?: number | undefined }
  | { readonly check: string; readonly version?: number | undefined };

/** Of this thread; undefined in a view that is only read, where changes are refused later. */
export type OwnSession = () => SessionId | undefined;

const KINDS = ['create', 'set', 'delete', 'check'] as const;
const CREATE_OPTIONS = ['ephemeral', 'sequential'];
/** What a change of each kind may have beside its path. */
const BESIDE = {
  create: ['data', ...CREATE_OPTIONS],
  set: ['data', 'version'],
  delete: ['version'],
  check: ['version'],
} as const;

export function createOf(
  path: string,
  data: unknown,
  options: CreateOptions,
  session: OwnSession,
): NodeOperation {
  checkKeys('create', options, CREATE_OPTIONS);
  const isEphemeral = checkBoolean('ephemeral', options.ephemeral);
  const isSequential = checkBoolean('sequential', options.sequential);
  if (isSequential) checkSequentialPath(path);
  else checkPath(path);
  const owner = isEphemeral ? (session() ?? PERSISTENT) : PERSISTENT;
  return [CREATE, path, data, owner, isSequential, Date.now()];
}

export function setOf(path: string, data: unknown, version: number): NodeOperation {
  return [SET, checkPath(path), data, checkVersion(version), Date.now()];
}

export function deleteOf(path: string, version: number): NodeOperation {
  if (checkPath(path) === ROOT) throw invalid('path', path, 'another one than the root');
  return [DELETE, path, checkVersion(version)];
}

export function multiOf(changes: readonly NodeChange[], session: OwnSession): Operation {
  if (!Array.isArray(changes)) throw invalid('changes', changes, 'an array of changes');
  return [MULTI, changes.map((change) => operationOf(change, session))];
}

function operationOf(change: NodeChange, session: OwnSession): NodeOperation {
  checkKind(change);
  if ('create' in change) {
    const { create, data, ...options } = change;
    return createOf(create, data, options, session);
  }
  const { version = ANY_VERSION } = change;
  if ('set' in change) return setOf(change.set, change.data, version);
  if ('delete' in change) return deleteOf(change.delete, version);
  return [CHECK, checkPath(change.check), checkVersion(version)];
}

function checkKind(change: unknown): void {
  const isObject = typeof change === 'object' && change !== null;
  const kinds = isObject ? KINDS.filter((kind) => kind in change) : [];
  const [kind] = kinds;
  if (kinds.length === 1)
    return checkKeys(`a change with ${kind}`, change, [kind, ...BESIDE[kind]]);
  // Tells the kind that was meant, if it is nearly one.
  if (isObject) checkKeys('a change', change, [...KINDS, ...CREATE_OPTIONS, 'data', 'version']);
  throw invalid('changes', change, `made of one of ${KINDS.join(', ')} each`);
}

function checkVersion(version: number): number {
  return checkInteger('version', version, ANY_VERSION, Number.MAX_SAFE_INTEGER);
}

export function checkBoolean(name: string, value: unknown = false): boolean {
  if (typeof value !== 'boolean') throw invalid(name, value, 'a boolean');
  return value;
}
