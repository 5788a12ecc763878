import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { benchCommand } from './bench-command.ts';
import { experiments } from './experiments.ts';
import { type Experiment, type ExperimentRun, runExperiment } from './harness/experiment.ts';

const smoke = suite('experiments');

/** Longer than any of them takes beside a busy neighbour. */
const EXPERIMENT_MS_MAX = 60_000;

/** What each experiment tells, by result name. */
const RESULTS: Readonly<Record<string, readonly string[]>> = {
  'one-to-one-mailbox-throughput': ['mailbox', 'postMessage'],
  'ping-pong-mailbox-latency': ['mailboxes, spinning', 'postMessage', 'wait and notify'],
  'token-throughput': ['tokens'],
  'append-throughput': [
    'callback',
    'callback, copied',
    'promise',
    'promise, copied',
    'appendSync',
    'appendSync, copied',
    'appendSync latency',
  ],
  'direct-append-throughput': ['callback', 'callback, copied', 'promise', 'promise, copied'],
  'append-latency': [
    'three round trips, bare mailboxes',
    'one round trip, postMessage',
    'appendSync',
    'await append',
  ],
  'random-read': ['readSync'],
  playback: ['sync, readnextSync', 'sync, playSync', 'entries()'],
  failover: [
    'gap in appends',
    'terminate() to notice',
    'notice to projection',
    'reconfigure() to projection',
    'projection to append',
  ],
  'replace-unit': [
    'gap in appends',
    'terminate() to notice',
    'notice to projection',
    'projection to append',
    'projection to whole chain',
    'copied',
  ],
  'object-get': ['get', 'get, while another sets', 'set, meanwhile'],
  'object-set': ['set', 'set, then get'],
  'object-increment': ['increment', 'increment, aborted'],
  'object-transactions': ['read three, write three', 'read three, write three, aborted'],
  'object-playback': [
    'played, one change an entry',
    'opened, one change an entry',
    'played, a hundred changes an entry',
    'opened, a hundred changes an entry',
    'played, one transaction an entry',
    'opened, one transaction an entry',
  ],
  'object-views': ['set, views at rest', 'set, views read'],
  objects: [
    'set: add, delete',
    'set: has',
    'list: append',
    'list: at',
    'queue: push, shift',
    'queue: push and take',
    'sorted map: set',
    'sorted map: range',
    'lock: acquire, release',
    'lock: handed on',
    'counter: add',
    'counter: add, both',
    'register: set',
    'register: get',
  ],
  elements: [
    'load',
    'load, pause',
    'checkpoint',
    'checkpoint, pause',
    'open',
    'open, pause',
    'size of the checkpoint',
  ],
  namespace: [
    'create',
    'set',
    'get',
    'exists',
    'children',
    'multi of 2',
    'move',
    'set to watch event',
  ],
  ledgers: ['append', 'read'],
  pool: ['empty task', 'task with a transaction'],
  'corfu-store': ['multi-get', 'multi-get, reads', 'multi-put', 'multi-put, appends'],
  'corfu-smr': ['executed'],
};

smoke('every file of an experiment is in the registry under its name', () => {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const files = readdirSync(folder).filter((file) => /\.bench\.[jt]s$/.test(file));
  const names = files.map((file) => file.replace(/\.bench\.[jt]s$/, ''));
  assert.equal(names.sort(), experiments.map(({ name }) => name).sort());
});

// On one core two threads that spin for each other measure the scheduler, for minutes.
for (const experiment of availableParallelism() > 1 ? experiments : []) {
  smoke(`${experiment.name} yields its results`, async () =>
    checkRun(await runQuickly(experiment)),
  );
}

smoke('runs a named experiment in a process of its own and writes JSON', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tangolog-bench-'));
  try {
    const json = join(folder, 'results.json');
    const { code, text } = await command(['random-read'], { quick: true, json });
    assert.is(code, 0, text);
    assert.match(text, /^readSync +\d/m);
    const { machine, date, results } = JSON.parse(readFileSync(json, 'utf8'));
    assert.is(machine.date, date);
    assert.is(results.length, 1);
    checkRun({ ...results[0], machine });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

smoke('lists the experiments without running any', async () => {
  const { code, text } = await command([], { list: true });
  assert.is(code, 0);
  for (const { name } of experiments) assert.ok(text.includes(name), name);
});

smoke('refuses an unknown name with the nearest known one', async () => {
  const { code, text } = await command(['playback', 'random-raed'], { quick: true });
  assert.is(code, 2);
  assert.match(text, /name="random-raed" \(did you mean random-read\?\)/);
});

smoke('refuses a file it cannot write before anything runs', async () => {
  const json = join(tmpdir(), 'no-such-folder', 'results.json');
  const { code, text } = await command(['playback'], { quick: true, json });
  assert.is(code, 2);
  assert.match(text, /^a file to write to was expected/);
});

smoke.run();

function runQuickly(experiment: Experiment): Promise<ExperimentRun> {
  const run = runExperiment(experiment, { quick: true });
  return within(EXPERIMENT_MS_MAX, `the experiment ${experiment.name}`, run);
}

/** No thresholds: a loaded machine is no failure. */
function checkRun({ name, results }: ExperimentRun): void {
  assert.equal([...new Set(results.map((result) => result.name))].sort(), expected(name));
  for (const result of results) {
    const { value, limit = 1, ratio = 1, details = {}, peers = {} } = result;
    // A share may be none at all.
    if (result.unit === '%') assert.ok(value >= 0 && value <= 100, JSON.stringify(result));
    const figures = [result.unit === '%' ? 1 : value, limit, ratio];
    for (const figure of [...figures, ...Object.values(details), ...Object.values(peers)]) {
      assert.ok(Number.isFinite(figure) && figure > 0, JSON.stringify(result));
    }
  }
}

function expected(name: string): string[] {
  return [...(RESULTS[name] ?? [])].sort();
}

async function command(
  names: string[],
  options: Parameters<typeof benchCommand>[1],
): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const add = (text: string): unknown => lines.push(text);
  const done = benchCommand(names, options, add, add);
  const code = await within(EXPERIMENT_MS_MAX, 'the bench command', done);
  return { code, text: lines.join('\n') };
}
