/**
 * Runs the runner over files that are broken on purpose, one of each kind, and one good file.
 * Each broken one must be red for its own reason: a runner that cannot fail proves nothing.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findTestFiles } from './find-test-files.ts';
import { SLOW, slowFirst } from './slow-files.ts';
import { judge } from './verdict.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const fixtures = join(here, 'fixtures');
const runner = join(here, `run-tests${extname(import.meta.url)}`);

interface Run {
  readonly code: number | null;
  readonly output: string;
}

function run(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [runner, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}

/** The lines the runner printed about one fixture, up to the next verdict line. */
function sectionOf(output: string, fixture: string): string {
  const lines = output.split('\n');
  const start = lines.findIndex((line) => /^(ok|FAIL) .* s$/.test(line) && line.includes(fixture));
  assert.ok(start >= 0, `the runner says nothing of ${fixture}`);
  const length = lines.slice(start + 1).findIndex((line) => /^(ok {2}|FAIL) /.test(line));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

const runTests = suite<{ all: Run }>('run-tests');

runTests.before(async (context) => {
  context.all = await run('--deadline-s', '6', fixtures);
});

/** Each broken fixture, and what its report must say. */
const reasons: readonly (readonly [fixture: string, says: RegExp])[] = [
  ['throwing-before', /hook "before" of suite "throwing-before" threw: Error: no cluster today/],
  ['throwing-after', /hook "after" of suite "throwing-after" threw: Error: would not close/],
  ['thrown-non-error', /test "throws a string" .*a thrown non-Error: 'just a string'/],
  ['forgotten-run', /suite "forgotten" never ran: its \.run\(\) was forgotten/],
  ['no-test', /no test: the file defines none/],
  ['live-worker', /hung: all tests ended, but something kept the process alive/],
  ['endless-loop', /hung: killed at the deadline of 6 s, test "never returns".*before the loop/s],
  [
    'exits-in-the-middle',
    /crashed: the process exited early, with code \d+, test "leaves".*last words/s,
  ],
  ['unhandled-rejection', /crashed: unhandledRejection: Error: nobody listens/],
  ['never-settles', /crashed: the process exited early, with code \d+, test "waits for a promise/],
  ['failing-assertion', /1 passed, 1 failed.*test "compares" .*one and one are three/s],
  ['fails-to-load', /crashed while loading: Error: no such page/],
  ['exit-code', /crashed: exit code 7 although every test passed/],
];

for (const [fixture, says] of reasons) {
  runTests(`turns ${fixture} red and names the reason`, ({ all }) => {
    const section = sectionOf(all.output, `${fixture}.test`);
    assert.match(section, /^FAIL .*, [1-9]\d* failed/);
    assert.match(section, says);
  });
}

runTests('leaves no fixture without a reason', () => {
  const names = [...reasons.map(([fixture]) => fixture), 'good'].sort();
  const found = findTestFiles(fixtures).map((path) => path.replace(/^.*[\\/]|\.test\..s$/g, ''));
  assert.equal(found, names);
});

runTests('calls the good file green and shows none of its output', ({ all }) => {
  assert.match(sectionOf(all.output, 'good.test'), /^ok .* 3 passed, [\d.]+ s$/);
});

runTests('ends with the sum of tests and exit code 1 on any failure', ({ all }) => {
  assert.match(all.output, /\n\d+ passed, \d+ failed\n$/);
  assert.is(all.code, 1);
});

runTests('exits with code 0 when the only file found is green', async () => {
  const { code, output } = await run('--filter', 'good.test', fixtures);
  assert.match(output, /\n3 passed, 0 failed\n$/);
  assert.is(code, 0);
});

runTests('exits with code 1 when no test file was found', async () => {
  const { code, output } = await run('--filter', 'no such file', fixtures);
  assert.match(output, /no test file found/);
  assert.match(output, /\n0 passed, 0 failed\n$/);
  assert.is(code, 1);
});

runTests('runs the slow files first, all of which are there, and then the others in order', () => {
  const files = findTestFiles(join(here, '..', '..'), '');
  const ordered = slowFirst(files);
  assert.equal([...ordered].sort(), [...files].sort(), 'each once');
  for (const [i, name] of SLOW.entries()) assert.ok(ordered[i].includes(name), name);
  assert.equal(slowFirst(['b.test.js', 'a.test.js']), ['b.test.js', 'a.test.js']);
});

runTests('does not enter the fixtures from above', () => {
  assert.ok(existsSync(fixtures));
  assert.not.ok(findTestFiles(here).some((path) => path.includes('fixtures')));
});

runTests('reports tests that an .only elsewhere kept from starting', () => {
  const { failed, problems } = judge(
    [
      { type: 'SuiteDefined', suite: 0, title: 's' },
      { type: 'TestDefined', suite: 0 },
      { type: 'TestDefined', suite: 0 },
      { type: 'SuiteRun', suite: 0 },
      { type: 'TestStarted', suite: 0, name: 'one' },
      { type: 'TestPassed', suite: 0, name: 'one' },
      { type: 'Finished' },
    ],
    { code: 0, signal: null, deadlineHit: false, deadlineS: 1 },
  );
  assert.is(failed, 1);
  assert.match(problems[0], /1 tests of suite "s" never started/);
});

runTests.run();
