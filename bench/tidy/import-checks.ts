/** Tidy checks over the graph of imports: direction, packages for tests only, dead files. */
import { posix } from 'node:path';
import {
  blank,
  codePaths,
  type Finding,
  importsOf,
  isTest,
  isWorker,
  type SourceTree,
} from './source-tree.ts';

/** A folder imports from itself and from those before it. */
export const FOLDERS = [
  'shared-memory',
  'actors',
  'runtime',
  'tango-objects',
  'bench',
  'examples',
] as const;
/** Programs as users write them: they know the public face alone. */
const EXAMPLES = 'examples/';
const INDEX = 'index.ts';
const TIDY = 'tidy.test.ts';
const TEST_PACKAGES: ReadonlySet<string> = new Set(['fast-check', 'tinypool', 'uvu']);
/** Whose files only tests import. */
const TEST_FOLDERS: readonly string[] = ['bench/', 'tango-objects/contract/'];
const ENTRIES: ReadonlySet<string> = new Set([
  INDEX,
  'bench/tangolog.ts',
  'bench/test-runner/run-tests.ts',
]);

export function checkImportDirection(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    if (path === TIDY) continue;
    const rank = rankOf(path);
    if (rank < 0) {
      const instead = `use one of ${FOLDERS.join(', ')}`;
      findings.push({ path, line: 1, what: 'a source file outside the folders', instead });
      continue;
    }
    for (const { specifier, line } of importsOf(textOf(tree, path))) {
      const target = resolve(path, specifier);
      if (target === undefined) continue;
      if (path.startsWith(EXAMPLES) && target !== INDEX) {
        const instead = `use what ${INDEX} exports, as a user`;
        findings.push({ path, line, what: `imports ${target} into an example`, instead });
      } else if (rankOf(target) > rank || target === TIDY) {
        const instead = `use only what lies to the left in ${FOLDERS.join(' ← ')}`;
        findings.push({ path, line, what: `imports ${target} against the direction`, instead });
      } else if (!tree.has(target)) {
        const instead = 'use the path of a source file, with .ts';
        findings.push({ path, line, what: `imports ${target}, which does not exist`, instead });
      }
    }
  }
  return findings;
}

/** The public face holds no code of its own. */
export function checkIndex(tree: SourceTree): Finding[] {
  if (!tree.has(INDEX)) return [];
  const code = blank(textOf(tree, INDEX), 'comments');
  const reExport =
    /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*['"][^'"]+['"];?/g;
  const rest = code.replace(reExport, (found) => found.replace(/[^\n]/g, ' '));
  const lines = rest.split('\n');
  const line = lines.findIndex((text) => text.trim() !== '') + 1;
  if (line === 0) return [];
  const instead = "use only `export { … } from '…'` here";
  return [{ path: INDEX, line, what: `code in ${INDEX}`, instead }];
}

export function checkTestPackages(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    if (isTest(path) || TEST_FOLDERS.some((folder) => path.startsWith(folder))) continue;
    for (const { specifier, line } of importsOf(textOf(tree, path))) {
      const name = specifier.split('/', 1)[0];
      if (!TEST_PACKAGES.has(name)) continue;
      const instead = `use it in ${TEST_FOLDERS.join(', ')} or a *.test.ts file`;
      findings.push({ path, line, what: `imports ${name}, a package for tests`, instead });
    }
  }
  return findings;
}

/** A file that no entry reaches by imports is dead, even if another dead file imports it. */
export function checkDeadFiles(tree: SourceTree): Finding[] {
  const paths = codePaths(tree);
  const reached = new Set<string>();
  const waiting = paths.filter(isEntry);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(textOf(tree, path))) {
      const target = resolve(path, specifier);
      if (target !== undefined && tree.has(target)) waiting.push(target);
    }
  }
  const what = 'a dead file: no entry, worker, test or bench reaches it by imports';
  return paths
    .filter((path) => !reached.has(path))
    .map((path) => ({ path, line: 1, what, instead: 'use it or delete it' }));
}

function isEntry(path: string): boolean {
  if (ENTRIES.has(path) || path.startsWith(EXAMPLES)) return true;
  return isTest(path) || isWorker(path) || path.endsWith('.bench.ts');
}

/** -1 for a path that is in none of the places a source file may be in. */
function rankOf(path: string): number {
  // The public face sees all the folders that a user needs; only those behind them may look at it.
  if (path === INDEX) return FOLDERS.indexOf('bench') - 0.5;
  return FOLDERS.findIndex((folder) => path.startsWith(`${folder}/`));
}

/** Undefined for a package. */
function resolve(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.normalize(posix.join(posix.dirname(path), specifier));
}

function textOf(tree: SourceTree, path: string): string {
  return tree.get(path) ?? '';
}
