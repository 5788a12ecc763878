/** What the Tango paper states about streams, case by case, on the production classes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MessageType } from '../actors/message.ts';
import { NO_FAULTS } from '../actors/simulation/faults.ts';
import { World } from '../actors/simulation/world.ts';
import { Backpointers } from '../actors/stream-header.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { fillPosition, trimPosition, trimPrefix } from './chain.ts';
import type { Position } from './log-entry.ts';
import { call, type Procedure } from './procedure.ts';
import { SimulatedLog, type SimulatedLogOptions } from './simulation/simulated-log.ts';
import { StreamReader } from './stream-reader.ts';

const streams = suite('streams of the Tango paper');

const [ANNE, BERTA] = [0, 1];

function calmLog(options: SimulatedLogOptions = {}): SimulatedLog {
  return new SimulatedLog(new World({ seed: 1, faults: NO_FAULTS }), { clients: 2, ...options });
}

/** Takes tokens and writes nothing. */
function takeTokens(log: SimulatedLog, count: number, ...extra: number[]): void {
  log.ran(ANNE, function* (client): Procedure<void> {
    const { sequencer, epoch } = client.map;
    for (let i = 0; i < count; i++) {
      yield* call({ to: sequencer, type: MessageType.SEQUENCER_NEXT, epoch, extra });
    }
  });
}

function* readAll(reader: StreamReader): Procedure<Position[]> {
  const positions: Position[] = [];
  for (;;) {
    const entry = yield* reader.next();
    if (entry === undefined) return positions;
    positions.push(entry.position);
  }
}

function* syncAndRead(reader: StreamReader): Procedure<Position[]> {
  yield* reader.sync();
  return yield* readAll(reader);
}

/** What a reader of Berta's that begins now is given. */
function played(log: SimulatedLog, stream: number): Position[] {
  return log.ran(BERTA, (client) => syncAndRead(new StreamReader(client, stream)));
}

// Tango 2.4, case 36
streams('each stream is its exact subsequence, and an entry of several is fetched once', () => {
  const log = calmLog({ chains: 2 });
  const sets = [[1], [2], [1, 2, 3], [], [3], [1, 3], [2], [2, 3], [1], [1, 2, 3]];
  const expected = new Map<number, Position[]>([1, 2, 3].map((stream) => [stream, []]));
  for (const set of sets) {
    const position = log.appended(ANNE, 'entry', set);
    for (const stream of set) expected.get(stream)?.push(position);
  }
  const { counters } = log.clients[BERTA];
  for (const [stream, positions] of expected) assert.equal(played(log, stream), positions);
  assert.is(counters.fetches, sets.filter((set) => set.length > 0).length);
});

// Tango 2.4, case 37
streams('distances up to 65,535 are relative, above that unknown, and absolute if all are', () => {
  const log = calmLog({ replicas: 1, slots: 1 << 18 });
  const far = 65_535;
  const positions = [0, far, 2 * far + 1, 2 * far + 2];
  for (const position of positions) {
    takeTokens(log, position - log.tail);
    assert.is(log.appended(ANNE, 'entry', [1]), position);
  }
  const { reader } = log.memory.unit(0);
  const headers = positions.map((position) => {
    assert.is(reader.locate(position, position), SlotOutcome.WRITTEN);
    const pointers = new Backpointers(4);
    const at = reader.streamHeader(0);
    pointers.decode(reader.words, at, position);
    const absolute = reader.words[at] < 0;
    const list = [...pointers.positions.subarray(0, pointers.count)];
    return { absolute, list, complete: pointers.complete };
  });
  assert.equal(headers, [
    { absolute: false, list: [], complete: true },
    { absolute: false, list: [0], complete: true },
    { absolute: true, list: [far], complete: false },
    { absolute: false, list: [2 * far + 1], complete: false },
  ]);
  assert.equal(played(log, 1), positions);
});

for (const backpointers of [4, 8]) {
  // Tango 2.6, case 38
  streams(`${backpointers} junk entries in a row neither hide nor invent any, K equal`, () => {
    const log = calmLog({ backpointers });
    const expected: Position[] = [];
    for (let i = 0; i < 3; i++) {
      expected.push(log.appended(ANNE, 'before', [1, 2]));
      log.appended(ANNE, 'other', [3]);
    }
    takeTokens(log, backpointers, 1);
    for (let i = 0; i < 2; i++) expected.push(log.appended(ANNE, 'after', [1]));
    for (let position = 0; position < log.tail; position++) {
      log.ran(ANNE, (client) => fillPosition(client, position));
    }
    assert.equal(played(log, 1), expected);
    assert.equal(played(log, 2), expected.slice(0, 3));
  });
}

// Tango 2.6, case 39
streams('a sync ends with the earlier entries when the last position issued is junk', () => {
  const log = calmLog();
  const expected = [1, 2, 3].map(() => log.appended(ANNE, 'entry', [1]));
  takeTokens(log, 1, 1);
  assert.equal(played(log, 1), expected);
  // And when nothing but junk was ever issued for the stream.
  takeTokens(log, 5, 2);
  assert.equal(played(log, 2), []);
});

// Tango 2.4, case 40
streams('next returns what the last sync has learnt; a sync sees every completed append', () => {
  const log = calmLog();
  const reader = new StreamReader(log.clients[BERTA], 1);
  const first = log.appended(ANNE, 'one', [1]);
  assert.equal(
    log.ran(BERTA, () => readAll(reader)),
    [],
  );
  assert.is(
    log.ran(BERTA, () => reader.sync()),
    first,
  );
  const second = log.appended(ANNE, 'two', [1]);
  assert.equal(
    log.ran(BERTA, () => readAll(reader)),
    [first],
  );
  assert.equal(
    log.ran(BERTA, () => syncAndRead(reader)),
    [second],
  );
});

// Tango 2.6, trimmed targets
streams('trimming every entry of one chain does not end the streams of the other', () => {
  const log = calmLog({ chains: 2 });
  const positions = [0, 1, 2, 3, 4, 5].map(() => log.appended(ANNE, 'entry', [1]));
  for (const position of [0, 2, 4]) log.ran(ANNE, (client) => trimPosition(client, position));
  log.appended(ANNE, 'stream two begins', [2]);
  const reader = new StreamReader(log.clients[BERTA], 1);
  log.ran(BERTA, () => reader.sync());
  const live = positions.filter((position) => position % 2 === 1);
  assert.equal(
    log.ran(BERTA, () => readAll(reader)),
    live,
  );
});

// Tango 2.6, trimmed targets
streams(
  'a position trimmed alone is passed over, by a reader that knew it and by a new one',
  () => {
    const log = calmLog();
    const reader = new StreamReader(log.clients[BERTA], 1);
    const positions = [0, 1, 2, 3].map(() => log.appended(ANNE, 'entry', [1]));
    log.ran(BERTA, () => reader.sync());
    log.ran(ANNE, (client) => trimPosition(client, positions[1]));
    const live = positions.filter((_, i) => i !== 1);
    assert.equal(
      log.ran(BERTA, () => readAll(reader)),
      live,
    );
    assert.equal(played(log, 1), live);
  },
);

// Tango 2.4
streams('calls on one cursor that overlap take turns: nothing is lost, nothing comes twice', () => {
  const log = calmLog();
  const reader = new StreamReader(log.clients[BERTA], 1);
  const positions = [0, 1, 2].map(() => log.appended(ANNE, 'entry', [1]));
  const syncs = [0, 1].map(() => log.run(BERTA, () => reader.sync()));
  for (const sync of syncs) log.end(sync);
  const reads = [0, 1, 2, 3].map(() => log.run(BERTA, () => reader.next()));
  const got = reads.map((read) => {
    const end = log.end(read);
    return end.kind === 'done' ? end.value?.position : end.code;
  });
  assert.equal(got.sort(), [...positions, undefined]);
});

// Tango 2.6, trimmed targets
streams('a reader that begins starts behind the trim; one that falls behind it is told', () => {
  const log = calmLog();
  const behind = new StreamReader(log.clients[BERTA], 1);
  const first = log.appended(ANNE, 'entry', [1]);
  assert.equal(
    log.ran(BERTA, () => syncAndRead(behind)),
    [first],
  );
  const later = Array.from({ length: 9 }, () => log.appended(ANNE, 'entry', [1]));
  log.ran(ANNE, (client) => trimPrefix(client, later[7]));
  assert.equal(played(log, 1), later.slice(7));
  const sync = log.end(log.run(BERTA, () => behind.sync()));
  assert.is(sync.kind === 'failed' && sync.code, 'ERR_TRIMMED');
});

streams.run();
