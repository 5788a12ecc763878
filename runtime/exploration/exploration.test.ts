/**
 * Every configuration, explored to the end; EXPLORE=long adds the large ones. To repeat a way:
 *
 *     CONFIGURATION='2A 1F' TRACE='a a b:dies f' node dist/runtime/exploration/exploration.test.js
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIGURATIONS, configurationOf, LONG_CONFIGURATIONS } from './configurations.ts';
import { type Configuration, Explorer } from './explorer.ts';
import { beginLog, LogParts } from './log-parts.ts';
import { Process } from './process.ts';

const { CONFIGURATION, TRACE, EXPLORE } = process.env;
const exploration = suite('exploration');

function explore(configuration: Configuration): void {
  const { violation, ...counts } = new Explorer(configuration).explore();
  if (violation !== undefined) {
    const repeat = `CONFIGURATION='${configuration.name}' TRACE='${violation.trace.join(' ')}'`;
    const lines = [violation.what, ...violation.words, `repeat with: ${repeat}`];
    throw new Error(lines.join('\n'));
  }
  const { states, transitions, ends, stalls } = counts;
  const text = `${states} states, ${transitions} transitions, ${ends} ends, ${stalls} of them stalls`;
  console.log(`${configuration.name}: ${text}`);
  assert.ok(ends > 0, 'something comes to an end');
}

function replay(configuration: Configuration, trace: string): void {
  const { words, what } = new Explorer(configuration).replay(trace.split(' '));
  console.log(words.join('\n'));
  assert.is(what, undefined);
}

if (TRACE !== undefined && CONFIGURATION !== undefined) {
  exploration(`the trace of ${CONFIGURATION}`, () => {
    const configuration = configurationOf(CONFIGURATION);
    assert.ok(configuration, 'such a configuration exists');
    replay(configuration, TRACE);
  });
} else {
  const chosen = EXPLORE === 'long' ? LONG_CONFIGURATIONS : [];
  for (const configuration of [...CONFIGURATIONS, ...chosen]) {
    if (CONFIGURATION !== undefined && CONFIGURATION !== configuration.name) continue;
    exploration(`nothing goes wrong: ${configuration.name}`, () => explore(configuration));
  }
}

/** The same steps, all made by processes that live on, in one memory that nobody puts back. */
function makeAnew(configuration: Configuration, walk: ReturnType<Explorer['walk']>): void {
  const { replicas, spares = 0, processes } = configuration;
  const parts = new LogParts({ replicas, spares, processes: processes.length });
  const memory = beginLog(parts);
  configuration.prepare?.(memory);
  const first = memory.threads.count - 1 - processes.length;
  const runs = processes.map((spec, i) => new Process(spec, parts, first + i).begin());
  for (const [i, { process: number, isOver, bytes }] of walk.entries()) {
    runs[number].step(isOver);
    for (const [part, held] of parts.bytes().entries()) {
      assert.ok(held.equals(bytes[part]), `part ${part} is the same after ${i + 1} steps`);
    }
  }
}

const WALKS = 60;

/** A small generator: the walks are the same every time. */
function chooser(seed: number): (count: number) => number {
  let state = seed;
  return (count) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

for (const name of ['2A 1F 1G', '2G 1A 1F, different units', '1A 1R 1G, rebuild', '2A 1R']) {
  exploration(`what is put together of steps is what processes do: ${name}`, () => {
    const configuration = configurationOf(name);
    assert.ok(configuration);
    const explorer = new Explorer(configuration);
    for (let seed = 1; seed <= WALKS; seed++) {
      const walk = explorer.walk(chooser(seed));
      assert.ok(walk.length > processes(configuration));
      makeAnew(configuration, walk);
    }
  });
}

function processes(configuration: Configuration): number {
  return configuration.processes.length;
}

exploration.run();
