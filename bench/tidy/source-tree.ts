/**
 * The source tree as the tidy checks see it: a map from path to text, and the same text without
 * its comments and strings, so that a check finds code and not talk about code.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** Paths are relative to the root and written with `/`. */
export type SourceTree = ReadonlyMap<string, string>;

export interface Finding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
  readonly instead: string;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'dist', 'coverage']);

/** Reads every .ts and .md file below `root`, except in hidden folders. */
export function readSourceTree(root: string): SourceTree {
  const tree = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name) && !entry.name.startsWith('.')) visit(path);
      } else if (/\.(ts|md)$/.test(entry.name)) {
        tree.set(relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8'));
      }
    }
  };
  visit(root);
  return tree;
}

/** The closest folder above `start` that holds a file called `name` and is no build output. */
export function findRoot(start: string, name = 'tsconfig.json'): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (readdirSync(folder).includes(name)) return folder;
    if (folder === dirname(folder)) throw new Error(`no folder above ${start} holds ${name}`);
  }
}

export function formatFinding({ path, line, what, instead }: Finding): string {
  return `${path}:${line}: ${what}, ${instead}`;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

export function isWorker(path: string): boolean {
  return path.endsWith('-worker.ts');
}

export function codePaths(tree: SourceTree): string[] {
  return [...tree.keys()].filter((path) => path.endsWith('.ts')).sort();
}

/** Calls `visit` with each match of a global pattern in the code, comments and strings left out. */
export function forEachMatch(
  text: string,
  pattern: RegExp,
  visit: (match: RegExpMatchArray, line: number) => void,
): void {
  const code = blank(text, 'comments and strings');
  for (const match of code.matchAll(pattern)) visit(match, lineAt(code, match.index));
}

export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Static and dynamic imports, and re-exports. */
export function importsOf(text: string): Import[] {
  const code = blank(text, 'comments and strings');
  const withStrings = blank(text, 'comments');
  const imports: Import[] = [];
  for (const match of withStrings.matchAll(/\b(?:from|import)\b\s*\(?\s*(['"])([^'"\n]+)\1/g)) {
    // The keyword may itself stand in a string; then it is blank in the code.
    if (code[match.index] === ' ') continue;
    imports.push({ specifier: match[2], line: lineAt(text, match.index) });
  }
  return imports;
}

/** Comments, strings of three kinds, and what is a regular expression unless it is a division. */
const TOKEN = [
  /\/\/[^\n]*/,
  /\/\*[\s\S]*?\*\//,
  /'(?:\\.|[^'\\\n])*'/,
  /"(?:\\.|[^"\\\n])*"/,
  /`(?:\\[\s\S]|[^`\\])*`/,
  /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[dgimsuvy]*/,
]
  .map((pattern) => pattern.source)
  .join('|');

/**
 * Replaces comments, and if asked the contents of strings and regular expressions, by blanks; every
 * other character and every line stays in its place. It knows enough of the language for sources
 * that a formatter has seen.
 */
export function blank(text: string, what: 'comments' | 'comments and strings'): string {
  const token = new RegExp(TOKEN, 'g');
  let result = '';
  let copied = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const found = match[0];
    const start = match.index;
    const comment = found.startsWith('//') || found.startsWith('/*');
    if (!comment && found.startsWith('/') && !startsRegExp(text.slice(0, start))) {
      // A division: go on behind the slash.
      token.lastIndex = start + 1;
      continue;
    }
    result += text.slice(copied, start);
    if (comment) result += toBlanks(found);
    else if (what === 'comments') result += found;
    else result += found[0] + keepHoles(found.slice(1, -1)) + found[found.length - 1];
    copied = start + found.length;
  }
  return result + text.slice(copied);
}

/** A slash divides after a value and opens a regular expression after anything else. */
function startsRegExp(before: string): boolean {
  const end = before.trimEnd();
  return !/[\w$)\]]$/.test(end) || /\b(?:return|typeof|case|of|in)$/.test(end);
}

/** Code in `${…}` of a template stays code; one level is what the sources use. */
function keepHoles(contents: string): string {
  return contents
    .split(/(\$\{[^{}]*\})/)
    .map((part) => (part.startsWith('${') ? part : toBlanks(part)))
    .join('');
}

function toBlanks(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
