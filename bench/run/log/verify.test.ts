import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogMemory } from '../../../actors/log-memory.ts';
import { open, type Tango } from '../../../index.ts';
import { EntryKind } from '../../../shared-memory/entry-layout.ts';
import { within } from '../../../shared-memory/within.ts';
import { attachBenchLink } from '../../bench-log.ts';
import { untilWhole } from '../../whole-log.ts';
import { digestOf, type LogWorkload, Payloads, streamsOf } from './log-load.ts';
import {
  checkPlayed,
  checkReplicas,
  checkStream,
  type Difference,
  ExpectedEntries,
  scanLog,
  VerificationError,
} from './verify.ts';

const ENTRIES = 200;
const WORKLOAD: LogWorkload = { threads: 1, entryBytes: 64, window: 1, sharedStreams: 3 };
const OWN_STREAM = 0;

interface Sample {
  readonly tango: Tango;
  readonly memory: LogMemory;
  readonly positions: Float64Array;
  readonly expected: ExpectedEntries;
  readonly streams: Map<number, number[]>;
}

/** A small log as thread 0 of a run leaves it; every test spoils its own. */
async function withSample(body: (sample: Sample) => Promise<void>): Promise<void> {
  await using tango = await open({ logBytes: 256 * 1024, entryBytesMax: 64, attachMax: 2 });
  const payloads = new Payloads(WORKLOAD.entryBytes);
  const positions = new Float64Array(ENTRIES);
  for (let i = 0; i < ENTRIES; i++) {
    const streams = streamsOf(WORKLOAD, 0, i + 1);
    positions[i] = tango.log.appendSync(payloads.make(0, i + 1), { streams });
  }
  const expected = expectedOf(positions);
  const streams = await scanLog(tango.log, expected, new Map());
  const memory = new LogMemory(tango.handle.buffers);
  await within(10_000, 'the checks', body({ tango, memory, positions, expected, streams }));
}

function expectedOf(positions: Float64Array, to = ENTRIES): ExpectedEntries {
  const expected = new ExpectedEntries(WORKLOAD, 0, to);
  expected.add(0, { first: 1, positions });
  return expected;
}

/** Appends an entry of the log's own, as the housekeeper does. */
async function appendOwn({ tango }: Sample): Promise<number> {
  await using bench = await attachBenchLink(tango.handle);
  return await new Promise<number>((appended, failed) => {
    bench.client.append(
      new Uint8Array(40).fill(3),
      [],
      true,
      { appended, failed },
      EntryKind.SYSTEM,
    );
    bench.link.kick();
  });
}

async function differenceOf(check: () => unknown): Promise<Difference> {
  try {
    await check();
  } catch (error) {
    if (error instanceof VerificationError) return error.difference;
    throw error;
  }
  throw new Error('the check finds a difference');
}

const verify = suite('verify');

verify('accepts a log as it was written', () =>
  withSample(async ({ tango, memory, expected, streams }) => {
    const checked = await checkReplicas(memory, tango.log.projection(), expected);
    assert.equal(checked, { copies: 2 * ENTRIES, own: 0 });
    assert.is(streams.size, 1 + WORKLOAD.sharedStreams);
    for (const [stream, positions] of streams) {
      await checkStream(tango.log, stream, 0, positions);
      checkPlayed(
        { stream, count: positions.length, digest: positions.reduce(digestOf, 0) },
        positions,
        0,
      );
    }
  }),
);

verify('finds a changed byte in one replica', () =>
  withSample(async ({ tango, memory, expected }) => {
    const { reader, bytes } = memory.unit(1);
    reader.locate(77, 77);
    bytes[reader.payloadOffset + 50] ^= 1;
    const difference = await differenceOf(() =>
      checkReplicas(memory, tango.log.projection(), expected),
    );
    assert.is(difference.position, 77);
    assert.is(difference.unit, 1);
    assert.match(difference.expected, /^byte 50 of append 78 of thread 0/);
    assert.is(difference.found, String(bytes[reader.payloadOffset + 50]));
  }),
);

verify('finds a changed backpointer and a changed stream in one replica', () =>
  withSample(async ({ tango, memory, expected }) => {
    const { reader, words } = memory.unit(1);
    const check = () => checkReplicas(memory, tango.log.projection(), expected);
    reader.locate(9, 9);
    const header = reader.streamHeader(0);
    words[header + 1] += 1;
    assert.is((await differenceOf(check)).position, 9);
    words[header + 1] -= 1;
    words[header] = 12_345;
    const difference = await differenceOf(check);
    assert.is(difference.unit, 1);
    assert.match(difference.found, /^\[12345/);
  }),
);

verify('finds an entry of another position in one replica', () =>
  withSample(async ({ tango, memory, expected }) => {
    const { reader, words } = memory.unit(0);
    reader.locate(31, 31);
    words[reader.entryOffset / 4] = 32;
    const difference = await differenceOf(() =>
      checkReplicas(memory, tango.log.projection(), expected),
    );
    assert.equal([difference.position, difference.unit], [31, 0]);
    assert.is(difference.found, 'bytes that are no entry of this position');
  }),
);

verify('finds an acknowledged entry that one replica lacks', () =>
  withSample(async ({ tango, memory, expected }) => {
    memory.unit(1).slots.tryTrim(120);
    const difference = await differenceOf(() =>
      checkReplicas(memory, tango.log.projection(), expected),
    );
    assert.equal([difference.position, difference.unit], [120, 1]);
    assert.is(difference.found, 'a trimmed position');
  }),
);

verify('finds an acknowledged entry that a full scan does not meet', () =>
  withSample(async ({ tango, expected }) => {
    await tango.log.trim(150);
    const difference = await differenceOf(() => scanLog(tango.log, expected, new Map()));
    assert.is(difference.position, 150);
    assert.is(difference.expected, 'append 151 of thread 0');
    assert.is(difference.found, 'no entry in a full scan');
  }),
);

verify('finds an entry that nobody was told of, by a scan and on each replica', () =>
  withSample(async ({ tango, memory, positions }) => {
    const without = positions.slice();
    without[40] = -1;
    const expected = expectedOf(without);
    const scanned = await differenceOf(() => scanLog(tango.log, expected, new Map()));
    assert.equal([scanned.position, scanned.expected], [40, 'no acknowledged entry']);
    const looked = await differenceOf(() =>
      checkReplicas(memory, tango.log.projection(), expected),
    );
    assert.equal([looked.position, looked.found], [40, 'an entry']);
  }),
);

verify('finds an undecided position', () =>
  withSample(async ({ tango, memory, positions }) => {
    const beyond = expectedOf(positions, ENTRIES + 1);
    const difference = await differenceOf(() =>
      checkReplicas(memory, tango.log.projection(), beyond),
    );
    assert.is(difference.position, ENTRIES);
    assert.is(difference.found, 'an undecided position');
  }),
);

verify("accepts the log's own entries, and finds one that is not alike on all replicas", () =>
  withSample(async (sample) => {
    const { tango, memory, positions } = sample;
    const position = await appendOwn(sample);
    const expected = expectedOf(positions, position + 1);
    await scanLog(tango.log, expected, new Map());
    const check = () => checkReplicas(memory, tango.log.projection(), expected);
    assert.equal(await check(), { copies: 2 * ENTRIES, own: 1 });
    const { reader, bytes, slots } = memory.unit(1);
    reader.locate(position, position);
    bytes[reader.payloadOffset + 30] = 7;
    const changed = await differenceOf(check);
    assert.equal([changed.position, changed.unit, changed.found], [position, 1, '7']);
    assert.match(changed.expected, /^byte \d+ of the entry to be 3, as at the head$/);
    slots.tryTrim(position);
    const trimmed = await differenceOf(check);
    assert.equal([trimmed.position, trimmed.found], [position, 'a trimmed position']);
    assert.match(trimmed.expected, /^the log's own entry/);
  }),
);

verify('looks at every replica of every range, also at one that was rebuilt', () =>
  withSample(async (sample) => {
    const { tango, memory, positions } = sample;
    const short = await tango.log.reconfigure({ remove: 1 });
    const late = performance.now() + 5000;
    await untilWhole(memory, () => performance.now() > late);
    const more = positions.length + 1;
    const payload = new Payloads(WORKLOAD.entryBytes).make(0, more);
    const position = tango.log.appendSync(payload, { streams: streamsOf(WORKLOAD, 0, more) });
    const expected = expectedOf(Float64Array.of(...positions, position), position + 1);
    const cut = { ...short, ranges: [{ from: 0, extents: [{ chain: [0], start: 0 }] }] };
    const lacking = await differenceOf(() => checkReplicas(memory, cut, expected));
    assert.equal([lacking.position, lacking.expected], [0, '2 replicas']);
    const now = tango.log.projection();
    const check = () => checkReplicas(memory, now, expected);
    assert.equal(await check(), { copies: 2 * (ENTRIES + 1), own: 0 });
    const [{ chain }] = now.ranges[0].extents;
    const { reader, bytes } = memory.unit(chain[1]);
    reader.locate(20, 20);
    bytes[reader.payloadOffset + 50] ^= 1;
    const spoiled = await differenceOf(check);
    assert.equal([spoiled.position, spoiled.unit], [20, chain[1]]);
    assert.not.equal(chain[1], 1);
  }),
);

verify('finds acknowledgements of one position twice, and beyond the tail', async () => {
  const twice = await differenceOf(() => expectedOf(Float64Array.of(5, 5)));
  assert.is(twice.position, 5);
  assert.match(twice.found, /append 2 of thread 0/);
  const beyond = await differenceOf(() => expectedOf(Float64Array.of(ENTRIES)));
  assert.is(beyond.position, ENTRIES);
});

verify('finds a writer that changes, and one that two threads share', () =>
  withSample(async ({ tango, expected }) => {
    const changed = await differenceOf(() => scanLog(tango.log, expected, new Map([[0, 9999]])));
    assert.match(changed.expected, /^writer 9999/);
    const incarnations = new Map<number, number>();
    await scanLog(tango.log, expected, incarnations);
    const other = new Map([[1, incarnations.get(0)!]]);
    const shared = await differenceOf(() => scanLog(tango.log, expected, other));
    assert.match(shared.expected, /other than that of thread 1/);
  }),
);

verify('finds a stream with an entry too few, too many, or in a different place', () =>
  withSample(async ({ tango, memory, streams }) => {
    const positions = streams.get(OWN_STREAM)!;
    const check = (wanted: readonly number[]) =>
      differenceOf(() => checkStream(tango.log, OWN_STREAM, 0, wanted));
    const more = await check(positions.toSpliced(60, 1));
    assert.is(more.found, `${positions[60]} when played by backpointers`);
    const order = await check([...positions.slice(0, 2).reverse(), ...positions.slice(2)]);
    assert.match(order.expected, new RegExp(`^position ${positions[1]} as entry 1 of`));
    // Backpointers that say the stream began here: playback misses what is below.
    const { reader, words } = memory.unit(1);
    const last = positions[positions.length - 4];
    reader.locate(last, last);
    const headers = Array.from({ length: reader.streamCount }, (_, i) => reader.streamHeader(i));
    for (const header of headers) words.fill(0, header + 1, header + 3);
    const fewer = await check(positions);
    assert.is(fewer.stream, OWN_STREAM);
    assert.is(fewer.found, `${last} when played by backpointers`);
  }),
);

verify('finds a live playback that differs from the full scan', async () => {
  const positions = [3, 4, 7];
  const good = { stream: 1, count: 3, digest: positions.reduce(digestOf, 0) };
  checkPlayed(good, positions, 0);
  const fewer = await differenceOf(() => checkPlayed({ ...good, count: 2 }, positions, 0));
  assert.is(fewer.stream, 1);
  const order = { ...good, digest: [4, 3, 7].reduce(digestOf, 0) };
  assert.match((await differenceOf(() => checkPlayed(order, positions, 5))).found, /thread 5/);
});

verify.run();
