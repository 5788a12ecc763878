/** Each check over small trees: it accepts the good one and finds the offence in the bad one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkDeadFiles,
  checkImportDirection,
  checkIndex,
  checkTestPackages,
} from './import-checks.ts';
import { blank, type Finding, formatFinding, importsOf, type SourceTree } from './source-tree.ts';
import {
  checkAmbientEffects,
  checkAtomics,
  checkMarks,
  checkReadmes,
  checkSizes,
  checkThreadEntries,
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  TEST_FILE_LINES_MAX,
} from './text-checks.ts';

function tree(files: Record<string, string>): SourceTree {
  return new Map(Object.entries(files));
}

/** The places of the findings, as `path:line`. */
function places(findings: readonly Finding[]): string[] {
  return findings.map(({ path, line }) => `${path}:${line}`);
}

const checks = suite('tidy checks');

checks('blanks comments and strings and keeps every line', () => {
  const text = [
    "a(); // it's",
    "b('c // d'); /* e",
    'f */ g(`h $' + '{i} j`);',
    "k / l; m(/'[/']n/);",
  ].join('\n');
  const code = blank(text, 'comments and strings');
  assert.is(code.length, text.length);
  assert.equal(code.match(/\w+/g), ['a', 'b', 'g', 'i', 'k', 'l', 'm']);
  assert.match(blank(text, 'comments'), /'c \/\/ d'/);
});

checks('lists imports of every form and none from strings or comments', () => {
  const text = [
    "import { a } from './a.ts';",
    "import './b.ts';",
    "export * from './c.ts';",
    "const d = await import('./d.ts');",
    "import type {\n  E,\n} from './e.ts';",
    "// import './f.ts';",
    'const g = "import \'./g.ts\'";',
  ].join('\n');
  const specifiers = importsOf(text).map(({ specifier }) => specifier);
  assert.equal(specifiers, ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts']);
  assert.is(importsOf(text)[3].line, 4);
});

checks('formats a finding as file:line: what, use instead', () => {
  const [finding] = checkAtomics(tree({ 'runtime/a.ts': '\nAtomics.load(words, 0);' }));
  assert.is(
    formatFinding(finding),
    'runtime/a.ts:2: Atomics outside shared-memory/, use a verb of a shared-memory/ type',
  );
});

checks('finds an import against the direction, in tests too', () => {
  const files = {
    'shared-memory/a.ts': "import '../actors/b.ts';",
    'actors/b.ts': "import '../shared-memory/a.ts';",
    'actors/b.test.ts': "import '../runtime/c.ts';",
    'runtime/c.ts': "import './d/e.ts';\nimport '../index.ts';",
    'runtime/d/e.ts': "import '../../bench/f.ts';",
    'bench/f.ts': "import '../index.ts';",
    'index.ts': "export * from './runtime/c.ts';",
    'tidy.test.ts': "import './bench/f.ts';",
  };
  assert.equal(places(checkImportDirection(tree(files))), [
    'actors/b.test.ts:1',
    'runtime/c.ts:2',
    'runtime/d/e.ts:1',
    'shared-memory/a.ts:1',
  ]);
});

checks('finds a source file outside the folders and an import of nothing', () => {
  const files = { 'util/a.ts': '', 'other.ts': '', 'actors/b.ts': "import './c.ts';" };
  assert.equal(places(checkImportDirection(tree(files))), [
    'actors/b.ts:1',
    'other.ts:1',
    'util/a.ts:1',
  ]);
});

checks('lets an example use the public face and nothing else', () => {
  const files = {
    'index.ts': '',
    'runtime/a.ts': '',
    'examples/b.ts': "import '../index.ts';\nimport '../runtime/a.ts';",
    'bench/c.ts': "import '../examples/b.ts';",
  };
  assert.equal(places(checkImportDirection(tree(files))), ['bench/c.ts:1', 'examples/b.ts:2']);
});

checks('finds code in index.ts', () => {
  const good =
    "/** Face. */\nexport { a,\n  b } from './runtime/c.ts';\nexport type { D } from './d.ts';\n";
  assert.equal(checkIndex(tree({ 'index.ts': good })), []);
  assert.equal(places(checkIndex(tree({ 'index.ts': `${good}export const e = 1;\n` }))), [
    'index.ts:5',
  ]);
});

checks('finds a test package outside tests and bench/', () => {
  const text = "import { suite } from 'uvu';\nimport * as assert from 'uvu/assert';";
  const files = { 'actors/a.ts': text, 'actors/a.test.ts': text, 'bench/b.ts': text };
  assert.equal(places(checkTestPackages(tree(files))), ['actors/a.ts:1', 'actors/a.ts:2']);
});

checks('finds a dead file and one that only a dead file imports', () => {
  const files = {
    'index.ts': "export * from './runtime/alive.ts';",
    'runtime/alive.ts': "import './deep.ts';",
    'runtime/deep.ts': '',
    'runtime/dead.ts': "import './deader.ts';",
    'runtime/deader.ts': '',
    'actors/a-worker.ts': "import './b.ts';",
    'actors/b.ts': '',
    'actors/c.test.ts': "import './c.ts';",
    'actors/c.ts': '',
  };
  assert.equal(places(checkDeadFiles(tree(files))), ['runtime/dead.ts:1', 'runtime/deader.ts:1']);
});

checks('finds Atomics in code outside shared-memory/, and not in comments or strings', () => {
  const files = {
    'shared-memory/a.ts': 'Atomics.store(words, 0, 1);',
    'actors/b.ts': "// Atomics.wait is elsewhere.\nlog('Atomics.load');\nx = Atomics.load(w, 0);",
    'bench/c.test.ts': 'Atomics.notify(w, 0);',
  };
  assert.equal(places(checkAtomics(tree(files))), ['actors/b.ts:3', 'bench/c.test.ts:1']);
});

const AMBIENT = [
  'Date.now();',
  'new Date();',
  'performance.now();',
  'process.hrtime.bigint();',
  'setTimeout(f, 1);',
  'globalThis.setInterval(f, 1);',
  'await new Promise((resolve) => setImmediate(resolve));',
  'Math.random();',
  "import { readFileSync } from 'node:fs';",
  "import { open } from 'node:fs/promises';",
];

for (const line of AMBIENT) {
  checks(`finds the ambient effect in ${line}`, () => {
    for (const path of ['actors/a.ts', 'runtime/b/a.ts', 'tango-objects/a.ts']) {
      const found = checkAmbientEffects(tree({ [path]: `\n${line}` }), new Set());
      assert.equal(places(found), [`${path}:2`]);
    }
  });
}

checks('leaves a date alone that is given its time', () => {
  const files = { 'actors/a.ts': 'new Date(5);\nnew Date(time);\nnew Date( );\nnew Date;' };
  const found = places(checkAmbientEffects(tree(files), new Set()));
  assert.equal(found, ['actors/a.ts:3', 'actors/a.ts:4']);
});

checks('leaves tests, workers, allowed files, bench/ and injected clocks alone', () => {
  const all = AMBIENT.join('\n');
  const files = {
    'actors/a.test.ts': all,
    'actors/a-worker.ts': all,
    'actors/allowed.ts': all,
    'bench/a.ts': all,
    'runtime/a.ts': 'this.#clock.setTimeout(f, 1); clock.now(); x.performanceNow();',
  };
  assert.equal(checkAmbientEffects(tree(files), new Set(['actors/allowed.ts'])), []);
});

checks('finds clock and timers in shared-memory/ outside the allowed files', () => {
  const files = {
    'shared-memory/a.ts': 'Math.random();\nsetTimeout(f, 1);',
    'shared-memory/idle.ts': 'performance.now();',
  };
  const found = checkAmbientEffects(tree(files), new Set(['shared-memory/idle.ts']));
  assert.equal(places(found), ['shared-memory/a.ts:2']);
});

checks('finds a file that is too long, with more room for tests', () => {
  const lines = (count: number): string => 'a();\n'.repeat(count);
  const files = {
    'actors/a.ts': lines(FILE_LINES_MAX),
    'actors/b.ts': lines(FILE_LINES_MAX + 1),
    'actors/c.test.ts': lines(TEST_FILE_LINES_MAX),
    'actors/d.test.ts': lines(TEST_FILE_LINES_MAX + 1),
  };
  assert.equal(places(checkSizes(tree(files))), [
    `actors/b.ts:${FILE_LINES_MAX + 1}`,
    `actors/d.test.ts:${TEST_FILE_LINES_MAX + 1}`,
  ]);
});

checks('finds a line that is too long', () => {
  const text = `${'a'.repeat(110)}\n${'b'.repeat(111)}\n`;
  assert.equal(places(checkSizes(tree({ 'actors/a.ts': text }))), ['actors/a.ts:2']);
});

const HEADS: Record<string, string> = {
  'a function': 'export async function a(b: number): Promise<void> {',
  'a function with a head of several lines': 'function a(\n  b: number,\n): void {',
  'an arrow function': 'const a = (b: number): void => {',
  'a callback': "test('a', async () => {",
  'a method': '  async a(b: number): Promise<void> {',
  'a private method': '  #a(b: { c: number }): void {',
  'a getter': '  get a(): number {',
};

for (const [name, head] of Object.entries(HEADS)) {
  checks(`finds ${name} that is too long`, () => {
    const last = head.split('\n').length;
    const indent = head.startsWith(' ') ? '  ' : '';
    const body = (count: number): string => `${head}\n${'    b();\n'.repeat(count)}${indent}}\n`;
    const good = checkSizes(tree({ 'actors/a.ts': body(FUNCTION_LINES_MAX - 2) }));
    assert.equal(good, []);
    const bad = checkSizes(tree({ 'actors/a.ts': body(FUNCTION_LINES_MAX - 1) }));
    assert.equal(places(bad), [`actors/a.ts:${last}`]);
  });
}

checks('takes neither classes nor control statements for functions', () => {
  const long = '    b();\n'.repeat(FUNCTION_LINES_MAX);
  const heads = [
    'export class A extends B {',
    'if (c) {',
    'if (\n  c\n) {',
    'for (const d of e) {',
  ];
  for (const head of heads) {
    assert.equal(checkSizes(tree({ 'actors/a.ts': `${head}\n${long}}\n` })), [], head);
  }
});

checks('finds top-level awaits in the entries of threads', () => {
  const files = {
    'runtime/one-worker.ts': 'const one = await attach(handle);\nif (port) await run();\n',
    'runtime/two-worker.ts': 'void run();\nasync function run() {\n  await attach(handle);\n}\n',
    'runtime/no-entry.ts': 'await attach(handle);\n',
    'runtime/words-worker.ts': '/** Nobody should await here. */\nconst text = "await";\n',
    'bench/test-runner/a-worker.ts': 'await run();\n',
  };
  assert.equal(places(checkThreadEntries(tree(files))), [
    'runtime/one-worker.ts:1',
    'runtime/one-worker.ts:2',
  ]);
});

checks('finds marks of unfinished work and tests that hide others', () => {
  const files = {
    'actors/a.ts': '// TODO: later\n/* FIXME */\n// XXX\nconst s = "XXXL";\nlist.skip(1);',
    'actors/a.test.ts': "test.only('b', f);\ntest.skip('c', f);",
    'tidy.test.ts': '// TODO',
  };
  assert.equal(places(checkMarks(tree(files))), [
    'actors/a.test.ts:1',
    'actors/a.test.ts:2',
    'actors/a.ts:1',
    'actors/a.ts:2',
    'actors/a.ts:3',
  ]);
});

checks('finds a missing README and a file that its README does not name', () => {
  const files = {
    'actors/README.md': 'Holds `shared-log.ts` and `world.ts`.',
    'actors/log.ts': '',
    'actors/shared-log.ts': '',
    'actors/log.test.ts': '',
    'actors/simulation/world.ts': '',
    'actors/simulation/network.ts': '',
    'runtime/a.ts': '',
    'bench/README.md': '',
    'bench/tidy/README.md': '`b.ts`',
    'bench/tidy/b.ts': '',
  };
  assert.equal(places(checkReadmes(tree(files))), [
    'runtime/README.md:1',
    'actors/log.ts:1',
    'actors/simulation/network.ts:1',
  ]);
});

checks.run();
