import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram, histogramBytesFor } from '../../shared-memory/histogram.ts';
import { type Experiment, runExperiment } from './experiment.ts';
import { measureLimits } from './limits.ts';
import { latencyOf, latencySpread, measureRate, recordLatencies, spreadOf } from './measure.ts';
import { humanise, resultTable, textTable } from './table.ts';

const harness = suite('bench harness');

/** A clock that goes on by the given milliseconds at every second look. */
function clockOf(elapsedMs: readonly number[]): () => number {
  let looks = 0;
  let now = 1000;
  return () => {
    if (looks % 2 === 1) now += elapsedMs[(looks - 1) / 2];
    looks++;
    return now;
  };
}

harness('measures rates after the warm-up, and tells median, min and max', async () => {
  const clock = clockOf([9999, 10, 20, 40]);
  const rate = await measureRate(() => 100, { warmUp: 1, rounds: 3 }, clock);
  assert.equal(rate, { median: 5000, min: 2500, max: 10_000, rounds: [10_000, 5000, 2500] });
});

harness('takes the mean of the middle two of an even count', () => {
  assert.equal(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
});

harness('records latencies in nanoseconds', () => {
  const histogram = new Histogram(new SharedArrayBuffer(histogramBytesFor()));
  recordLatencies(histogram, 2, () => {}, clockOf([0.001, 0.003]));
  const { p50, max, count } = latencyOf(histogram);
  assert.is(count, 2);
  assert.ok(Math.abs(p50 - 1000) <= 1000 / 64, `${p50} is near 1000`);
  assert.ok(Math.abs(max - 3000) < 1, `${max} is near 3000`);
});

harness('tells single events by rank', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  const { value, details } = latencySpread('gap', values, {});
  assert.is(value, 100);
  assert.equal(details, { p90: 180, p99: 198, max: 200, count: 200 });
  assert.equal(latencySpread('gap', [7], {}).details, { p90: 7, p99: 7, max: 7, count: 1 });
});

for (const [value, unit, text] of [
  [2_310_482.6, 'records/s', '2.31 M/s'],
  [1_702, 'ns', '1.70 µs'],
  [999_999, 'ns', '1.00 ms'],
  [850, 'ns', '850 ns'],
  [1.5e9, 'ns', '1.50 s'],
  [0, 'ns', '0 ns'],
  [19.6e9, 'B/s', '19.6 G/s'],
  [12.34, 'records/s', '12.3 /s'],
  [24.04, '%', '24.0 %'],
  [4096, 'bytes', '4.10 K bytes'],
  [7, '', '7'],
  [Number.NaN, 'ns', '-'],
] as const) {
  harness(`shows ${value} ${unit} as ${text}`, () => {
    assert.is(humanise(value, unit), text);
  });
}

harness('measures limits that are no nonsense', async () => {
  const once = { warmUp: 0, rounds: 1 };
  for (const limit of Object.values(await measureLimits(once))) assert.ok(limit > 1000);
});

harness('aligns numbers right and words left', () => {
  const text = textTable(
    ['name', 'value'],
    [
      ['a', '1 s'],
      ['longer', '100 s'],
    ],
  );
  assert.is(text, ['name     value', 'a          1 s', 'longer   100 s'].join('\n'));
});

harness('tells how many times as much as its peers a figure is', () => {
  const result = { name: 'get', unit: 'gets/s', value: 8e6, parameters: {} };
  const text = resultTable([{ ...result, peers: { lmdb: 2e6, other: 5e6 } }]);
  assert.is(text.split('\n')[1], 'get    8 M/s   lmdb 2 M/s (4 ×), other 5 M/s (1.60 ×)');
});

harness('runs an experiment with its quick or its full parameters', async () => {
  const parameters = { size: { quick: 1, full: 100 }, kinds: { quick: ['a'], full: ['a', 'b'] } };
  const experiment: Experiment<typeof parameters> = {
    name: 'x',
    title: 'X',
    description: 'Adds one figure per kind.',
    parameters,
    async run({ size, kinds }, report) {
      for (const kind of kinds) {
        report.add({ name: kind, unit: 'ns', value: size, limit: 4 * size, parameters: { kind } });
      }
      report.note('done');
    },
  };
  const quick = await runExperiment(experiment, { quick: true });
  assert.equal(quick.parameters, { size: 1, kinds: ['a'] });
  assert.is(quick.results[0].ratio, 0.25);
  assert.equal(quick.notes, ['done']);
  const full = await runExperiment(experiment, { quick: false });
  assert.equal(
    full.results.map(({ name, value }) => `${name} ${value}`),
    ['a 100', 'b 100'],
  );
  assert.match(resultTable(full.results), /^name +value +limit +ratio +parameters\n/);
  assert.ok(full.machine.cores >= 1);
});

harness.run();
