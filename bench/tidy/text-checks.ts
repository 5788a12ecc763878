/** Tidy checks over the text of each file: atomics, ambient effects, sizes, marks, READMEs. */
import { posix } from 'node:path';
import { FOLDERS } from './import-checks.ts';
import {
  blank,
  codePaths,
  type Finding,
  forEachMatch,
  importsOf,
  isTest,
  isWorker,
  lineAt,
  type SourceTree,
} from './source-tree.ts';

export const FILE_LINES_MAX = 450;
export const TEST_FILE_LINES_MAX = 700;
export const LINE_COLUMNS_MAX = 110;
export const FUNCTION_LINES_MAX = 80;

/** Guideline: everybody else calls the verbs of shared-memory/. */
export function checkAtomics(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    if (path.startsWith('shared-memory/')) continue;
    forEachMatch(tree.get(path) ?? '', /\bAtomics\s*\./g, (_match, line) => {
      const what = 'Atomics outside shared-memory/';
      findings.push({ path, line, what, instead: 'use a verb of a shared-memory/ type' });
    });
  }
  return findings;
}

// A date that is given its time asks no clock.
const CLOCK = /\bDate\.now\b|\bnew Date\b(?!\(\s*[^\s)])|\bperformance\.now\b|\bprocess\.hrtime\b/g;
// A method of that name, as an injected clock may have, is no ambient timer.
const TIMER = /(?<![\w$.#])(?:globalThis\.)?set(?:Timeout|Interval|Immediate)\b/g;
const RANDOM = /\bMath\.random\b/g;

/**
 * Clock, timers, random and files enter by constructor. `allowed` are the files that bind them to
 * the real ones; tests and worker entries may do so too.
 */
export function checkAmbientEffects(tree: SourceTree, allowed: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    const folder = path.split('/', 1)[0];
    if (!['shared-memory', 'actors', 'runtime', 'tango-objects'].includes(folder)) continue;
    if (isTest(path) || isWorker(path) || allowed.has(path)) continue;
    const text = tree.get(path) ?? '';
    const forbid = (pattern: RegExp, instead: string): void => {
      forEachMatch(text, pattern, (match, line) => {
        findings.push({ path, line, what: `ambient ${match[0]}`, instead });
      });
    };
    if (folder === 'shared-memory') {
      forbid(CLOCK, 'use idle.ts, the only place where a thread rests');
      forbid(TIMER, 'use idle.ts, the only place where a thread rests');
      continue;
    }
    forbid(CLOCK, 'use the clock that the constructor was given');
    forbid(TIMER, 'use the timers that the constructor was given');
    forbid(RANDOM, 'use the random source that the constructor was given');
    for (const { specifier, line } of importsOf(text)) {
      if (!/^(?:node:)?fs(?:\/|$)/.test(specifier)) continue;
      const instead = 'use the storage that the constructor was given';
      findings.push({ path, line, what: `ambient ${specifier}`, instead });
    }
  }
  return findings;
}

export function checkSizes(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    const text = tree.get(path) ?? '';
    const lines = text.replace(/\n$/, '').split('\n');
    const linesMax = isTest(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
    if (lines.length > linesMax) {
      const what = `a file of ${lines.length} lines`;
      findings.push({ path, line: linesMax + 1, what, instead: `use at most ${linesMax}` });
    }
    lines.forEach((content, index) => {
      if (content.length <= LINE_COLUMNS_MAX) return;
      const what = `a line of ${content.length} columns`;
      findings.push({ path, line: index + 1, what, instead: `use at most ${LINE_COLUMNS_MAX}` });
    });
    for (const { line, length } of longFunctions(blank(text, 'comments and strings'))) {
      const what = `a function of ${length} lines`;
      findings.push({ path, line, what, instead: `use at most ${FUNCTION_LINES_MAX}` });
    }
  }
  return findings;
}

const CONTROL = /^\s*(?:\} )?(?:if|else|for|while|do|switch|try|catch|finally|class|interface)\b/;
const FUNCTION_HEAD = /\bfunction\b.*\{$|=> \{$|^\s*(?!\})[\w #*<>,[\]]*\(.*\{$|^\s*\).*\{$/;

/**
 * By indentation, as a formatter leaves it: a function goes from the line that opens its body to
 * the first later line of the same indentation that starts with a brace.
 */
function longFunctions(code: string): { line: number; length: number }[] {
  const lines = code.split('\n');
  const found: { line: number; length: number }[] = [];
  lines.forEach((head, start) => {
    if (!FUNCTION_HEAD.test(head) || CONTROL.test(head)) return;
    const indent = indentOf(head);
    if (head.trimStart().startsWith(')')) {
      // The end of a head of several lines: is it that of an `if (` or of a function?
      const opening = lines
        .slice(0, start)
        .findLast((line) => line.trim() && indentOf(line) === indent);
      if (opening !== undefined && CONTROL.test(opening)) return;
    }
    const rest = lines.slice(start + 1);
    const body = rest.findIndex((line) => indentOf(line) === indent && line[indent] === '}');
    const length = body + 2;
    if (body >= 0 && length > FUNCTION_LINES_MAX) found.push({ line: start + 1, length });
  });
  return found;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Marks of unfinished work, and tests that keep others from running. */
export function checkMarks(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    // Only these two have a reason to spell the marks out.
    if (path === 'tidy.test.ts' || path.startsWith('bench/tidy/')) continue;
    const text = tree.get(path) ?? '';
    for (const match of text.matchAll(/\b(?:TODO|FIXME|XXX)\b/g)) {
      const line = lineAt(text, match.index);
      const instead = 'use a sentence on how things are, or do it';
      findings.push({ path, line, what: `the mark ${match[0]}`, instead });
    }
    if (!isTest(path)) continue;
    forEachMatch(text, /\.(?:only|skip)\(/g, (match, line) => {
      const what = `a test that is hidden or hides others: ${match[0]})`;
      findings.push({ path, line, what, instead: 'use a plain test' });
    });
  }
  return findings;
}

/**
 * A thread that is terminated just when a module with a top-level await begins takes the whole process
 * along (V8 11.3 of Node 20: `Check failed: (location_) != nullptr` in ExecuteAsyncModule).
 */
export function checkThreadEntries(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const path of codePaths(tree)) {
    // Entries of child processes, which nobody terminates as a thread.
    if (!/-worker\.ts$/.test(path) || path.startsWith('bench/test-runner/')) continue;
    forEachMatch(
      tree.get(path) ?? '',
      /^(?!async |export async )\S.*\bawait\b/gm,
      (_match, line) => {
        const what = 'a top-level await in the entry of a thread';
        findings.push({ path, line, what, instead: 'use an async function that is called' });
      },
    );
  }
  return findings;
}

/** Each file is named in the README of its folder, or of the closest folder above that has one. */
export function checkReadmes(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  const paths = codePaths(tree);
  for (const folder of FOLDERS) {
    const readme = `${folder}/README.md`;
    if (tree.has(readme) || !paths.some((path) => path.startsWith(`${folder}/`))) continue;
    const instead = 'use one that opens with the import direction and lists the files';
    findings.push({ path: readme, line: 1, what: `${folder}/ has no README.md`, instead });
  }
  for (const path of paths) {
    if (isTest(path)) continue;
    const readme = closestReadme(tree, posix.dirname(path));
    const name = posix.basename(path);
    if (readme === undefined || mentions(tree.get(readme) ?? '', name)) continue;
    const instead = `use a line on ${name} in ${readme}`;
    findings.push({ path, line: 1, what: `not named in ${readme}`, instead });
  }
  return findings;
}

function closestReadme(tree: SourceTree, folder: string): string | undefined {
  for (let at = folder; at !== '.'; at = posix.dirname(at)) {
    if (tree.has(`${at}/README.md`)) return `${at}/README.md`;
  }
  return undefined;
}

/** `log.ts` is not mentioned by `shared-log.ts`. */
function mentions(text: string, name: string): boolean {
  const escaped = name.replace(/[.]/g, '\\.');
  return new RegExp(`(?<![\\w.-])${escaped}(?!\\w)`).test(text);
}
