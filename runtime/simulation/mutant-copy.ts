/** For tests: a copy of the compiled sources with one rule broken, and whether a test sees it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Mutation {
  readonly what: string;
  /** Modules that are edited, without their extension. */
  readonly file: string | readonly string[];
  /** Text of the compiled module, and what replaces it: once, if not 'everywhere'. */
  readonly edits: readonly (readonly [from: string, to: string, where?: 'everywhere'])[];
}

export const ORIGINAL: Mutation = { what: 'nothing is edited', file: [], edits: [] };

const EXTENSION = extname(import.meta.url);
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TIMEOUT_MS = 30_000;

export class MutantCopy {
  readonly #parts: readonly string[];
  /** As they are compiled: the modules that are edited now, by their path. */
  readonly #before = new Map<string, string>();
  #folder = '';

  /** `parts`: the folders that a test needs. */
  constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  /** Copies the compiled sources. */
  open(): void {
    this.#folder = mkdtempSync(join(tmpdir(), 'tangolog-mutants-'));
    const uvu = createRequire(import.meta.url).resolve('uvu');
    symlinkSync(dirname(dirname(dirname(uvu))), join(this.#folder, 'node_modules'));
    writeFileSync(join(this.#folder, 'package.json'), '{ "type": "module" }');
    const wanted = (path: string): boolean => !/\.(?:d\.ts|map)$/.test(path);
    for (const part of this.#parts) {
      cpSync(join(ROOT, part), join(this.#folder, part), { recursive: true, filter: wanted });
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Edits the copy, which is whole but for that; returns its folder. Throws where there is no such text. */
  edit({ file, edits }: Mutation): string {
    for (const [path, text] of this.#before) writeFileSync(path, text);
    this.#before.clear();
    for (const name of [file].flat()) {
      const path = join(this.#folder, name + EXTENSION);
      let text = readFileSync(path, 'utf8');
      this.#before.set(path, text);
      for (const [from, to, where] of edits) {
        const pieces = text.split(from);
        const isFound = where === 'everywhere' ? pieces.length > 1 : pieces.length === 2;
        if (!isFound) throw new Error(`${name} should have once: ${from}`);
        text = pieces.join(to);
      }
      writeFileSync(path, text);
    }
    return this.#folder;
  }
}

/** How a test fails in a process of its own; undefined: it does not, or has not ended, as mutants may. */
export function failureOf(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return status === null || status === 0 ? undefined : stdout + stderr;
}
