import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram, histogramBytesFor } from './histogram.ts';
import {
  BUCKET_COUNT,
  bucketOf,
  HIGHEST_VALUE,
  highestOf,
  lowestOf,
  RELATIVE_ERROR,
} from './histogram-layout.ts';

const histogram = suite('histogram');

function fresh(): Histogram {
  return new Histogram(new SharedArrayBuffer(histogramBytesFor()), 0);
}

/** Values of every magnitude, not only the largest one. */
const anyValue = fc
  .tuple(fc.integer({ min: 0, max: 36 }), fc.double({ min: 1, max: 2, noNaN: true }))
  .map(([power, factor]) => Math.min(Math.floor(2 ** power * factor), HIGHEST_VALUE));

function truePercentile(sorted: readonly number[], percent: number): number {
  const rank = Math.ceil((percent * sorted.length) / 100 - 1e-9);
  return sorted[Math.max(rank, 1) - 1];
}

histogram('puts every value into a bucket no wider than 1/64 of it', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bucket = bucketOf(value);
      assert.ok(bucket >= 0 && bucket < BUCKET_COUNT);
      assert.ok(lowestOf(bucket) <= value && value <= highestOf(bucket));
      assert.ok(highestOf(bucket) - lowestOf(bucket) <= value * RELATIVE_ERROR);
    }),
    { numRuns: 5000 },
  );
});

histogram('has buckets without gap or overlap over the whole range', () => {
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    assert.is(bucketOf(Math.max(lowestOf(bucket), 1)), Math.max(bucket, 1));
    if (bucket > 0) assert.is(bucketOf(Math.min(highestOf(bucket), HIGHEST_VALUE)), bucket);
    assert.is(lowestOf(bucket + 1), highestOf(bucket) + 1);
  }
});

histogram('answers percentiles within 1/64 above those of the sorted values', () => {
  const percents = fc.constantFrom(0, 1, 25, 50, 90, 99, 99.9, 100);
  fc.assert(
    fc.property(
      fc.array(anyValue, { minLength: 1, maxLength: 300 }),
      percents,
      (values, percent) => {
        const recorded = fresh();
        for (const value of values) recorded.record(value);
        const expected = truePercentile(
          [...values].sort((a, b) => a - b),
          percent,
        );
        const answer = recorded.percentile(percent);
        assert.ok(answer >= expected, `${answer} >= ${expected}`);
        assert.ok(answer <= expected * (1 + RELATIVE_ERROR), `${answer} is near ${expected}`);
      },
    ),
    { numRuns: 500 },
  );
});

histogram('knows count, mean and max exactly', () => {
  const recorded = fresh();
  for (let value = 1; value <= 1000; value++) recorded.record(value);
  assert.is(recorded.count, 1000);
  assert.is(recorded.mean, 500.5);
  assert.is(recorded.max, 1000);
  assert.is(recorded.percentile(100), 1000);
  // 99.9 % of a thousand values is the 999th, in spite of the rounding of 99.9 / 100.
  assert.is(recorded.percentile(99.9), highestOf(bucketOf(999)));
});

histogram('answers zeros when nothing was recorded', () => {
  const empty = fresh();
  assert.is(empty.count, 0);
  assert.is(empty.mean, 0);
  assert.is(empty.max, 0);
  assert.is(empty.percentile(50), 0);
});

histogram('counts values out of range as the nearest in it', () => {
  for (const [value, counted] of [
    [0, 1],
    [-5, 1],
    [Number.NaN, 1],
    [Number.NEGATIVE_INFINITY, 1],
    [HIGHEST_VALUE + 1, HIGHEST_VALUE],
    [Number.MAX_SAFE_INTEGER, HIGHEST_VALUE],
    [Number.POSITIVE_INFINITY, HIGHEST_VALUE],
  ]) {
    const recorded = fresh();
    recorded.record(value);
    assert.is(recorded.count, 1, `${value} is counted`);
    assert.is(recorded.percentile(50), counted, `${value} counts as ${counted}`);
    assert.is(recorded.max, counted);
  }
});

histogram('merges to what one histogram of all values holds', () => {
  fc.assert(
    fc.property(fc.array(anyValue), fc.array(anyValue), (left, right) => {
      const [one, other, all] = [fresh(), fresh(), fresh()];
      for (const value of left) one.record(value);
      for (const value of right) other.record(value);
      for (const value of [...left, ...right]) all.record(value);
      one.mergeFrom(other);
      assert.is(one.count, all.count);
      assert.is(one.max, all.max);
      assert.ok(Math.abs(one.mean - all.mean) <= all.mean * 1e-9);
      for (const percent of [0, 50, 99]) {
        assert.is(one.percentile(percent), all.percentile(percent));
      }
    }),
    { numRuns: 200 },
  );
});

histogram('shows one thread what another view on the same memory recorded', () => {
  const buffer = new SharedArrayBuffer(2 * histogramBytesFor());
  const first = new Histogram(buffer, 0);
  const second = new Histogram(buffer, histogramBytesFor());
  first.record(10);
  second.record(HIGHEST_VALUE);
  assert.is(new Histogram(buffer, 0).percentile(100), 10);
  assert.is(new Histogram(buffer, histogramBytesFor()).count, 1);
});

histogram('is empty after clear', () => {
  const recorded = fresh();
  recorded.record(7);
  recorded.clear();
  assert.is(recorded.count, 0);
  assert.is(recorded.max, 0);
});

histogram.run();
