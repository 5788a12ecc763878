/**
 * Threads are killed where they stand, clients and actors: no acknowledged entry is lost or changed,
 * and nobody who lives waits for the dead. `CYCLES_KILL=2000` is the full run, `SEED=` repeats the victims.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../actors/simulation/random.ts';
import type { HistoryRecord } from '../../shared-memory/history-ring.ts';
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import type { LogEntry } from '../log-entry.ts';
import type { Tango } from '../tango.ts';
import { planKill, VICTIM_KINDS } from './kill-plan.ts';
import { type KillStressOptions, killStress, type StressClock } from './kill-stress.ts';
import { firstValue, nextValue, payloadOf, valueIn } from './stress-entry.ts';
import { checkBatch, Found, loggedOperation, StressKind, trimOf } from './stress-history.ts';
import { checkCursors } from './stress-streams.ts';

const CYCLES = Number(process.env.CYCLES_KILL ?? 60);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** A kill takes some 100 ms on two cores, more when others use them as well. */
const MS_A_CYCLE = 400;
const KIB = 1024;

const [zeroSeconds] = process.hrtime();
const clock: StressClock = {
  zeroSeconds,
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - zeroSeconds) * 1e9 + nanoseconds;
  },
  rest: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

const USUAL: KillStressOptions = {
  seed: SEED,
  cycles: CYCLES,
  checkEvery: Math.min(50, Math.ceil(CYCLES / 3)),
  clients: 6,
  lanes: 2,
  links: ['mailbox', 'direct'],
  runMs: CYCLES * MS_A_CYCLE,
  log: {
    storageUnits: 4,
    spareUnits: 6,
    actorThreads: 3,
    replicas: 2,
    attachMax: 24,
    holeFillMs: 20,
    logBytes: 64 * KIB * KIB,
    entryBytesMax: 4 * KIB,
  },
  clock,
};
/** As few as show what a test is about. */
const SMALL: KillStressOptions = { ...USUAL, clients: 2, cycles: 4, checkEvery: 2, runMs: 20_000 };

const stress = suite('kill stress');

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Actor threads, each by what it serves now. */
const KILLERS = {
  units: (choice: number, tango: Tango): Promise<void> => {
    const { ranges } = tango.log.projection();
    const units = ranges[ranges.length - 1].extents.flatMap(({ chain }) => chain);
    return tango.kill(units[choice % units.length]);
  },
  sequencer: (_choice: number, tango: Tango): Promise<void> => tango.kill('sequencer'),
  monitor: (_choice: number, tango: Tango): Promise<void> => tango.kill('housekeeper'),
};

stress(`loses nothing and hangs nowhere in ${CYCLES} kills`, async () => {
  console.log(`  again with: SEED=${SEED} CYCLES_KILL=${CYCLES} node <this test>`);
  const report = await killStress({ ...USUAL, killers: KILLERS, print: console.log });
  console.log(`  kills: ${JSON.stringify(report.kills)}`);
  console.log(`  killed during: ${JSON.stringify(report.killedDuring)}`);
  const { operations, acknowledged, landed, failures } = report;
  console.log(`  ${JSON.stringify({ operations, acknowledged, landed, failures })}`);
  for (const kind of VICTIM_KINDS) assert.ok(report.kills[kind] > 0, `some ${kind} was killed`);
  // Whoever waited for a dead thread's answer may have to say that it does not know.
  const unknown = (failures.ERR_TIMEOUT ?? 0) + (failures.ERR_ACTOR_EXITED ?? 0);
  assert.equal(
    Object.values(failures).reduce((sum, one) => sum + one, 0),
    unknown,
  );
  assert.ok(unknown <= operations / 1000, `few outcomes are unknown: ${unknown} of ${operations}`);
});

stress('calls a killer for each of its victims, as planned', async () => {
  const called: number[] = [];
  const monitor = async (choice: number): Promise<void> => {
    called.push(choice);
  };
  const seed = 5;
  const report = await killStress({ ...SMALL, seed, cycles: 8, killers: { monitor } });
  const random = new Random(seed).fork('plan');
  const plan = Array.from({ length: 8 }, () => planKill(random, ['client', 'monitor']));
  const planned = plan.filter(({ kind }) => kind === 'monitor').map(({ choice }) => choice);
  assert.ok(planned.length > 0 && planned.length < 8, 'the seed plans both kinds');
  assert.equal(called, planned);
  assert.equal([report.kills.monitor, report.kills.client], [planned.length, 8 - planned.length]);
});

stress('fails when an operation is open for too long, and says what everybody does', async () => {
  // The driver's clock jumps: what is under way seems to have begun long ago.
  const start = clock.now();
  const jumping = (): number => {
    const now = clock.now();
    return now - start > 1.5e9 ? now + 3600e9 : now;
  };
  // On the direct link a client may die inside the sequencer's lock, and then the epoch is raised.
  const links = ['mailbox'] as const;
  const options = { ...SMALL, links, cycles: 1000, checkEvery: 1000, runMs: 3_700_000 };
  const text = await messageOf(killStress({ ...options, clock: { ...clock, now: jumping } }));
  assert.match(text, /SEED=\d+: an operation of client \d is open for more than 2000 ms/);
  assert.match(text, /client 0 as \d+, \w+: [^\n]+\nclient 1 as \d+, \w+: [^\n]+\n/);
  assert.match(text, /log: base=\d+, tail=\d+, decided=\d+, epoch=1$/);
});

stress('fails when too few victims were killed', async () => {
  const text = await messageOf(killStress({ ...SMALL, cycles: 1000, runMs: 200 }));
  assert.match(text, /too few kills: killed=\d+, planned=1000/);
});

stress('fails when a batch has no acknowledged append', async () => {
  const text = await messageOf(killStress({ ...SMALL, lanes: 0 }));
  assert.match(text, /SEED=\d+: batch 1 has no acknowledged append/);
});

stress('fails when a thread dies by itself', async () => {
  // No client can attach.
  const log = { ...USUAL.log, attachMax: 1 };
  assert.match(
    await messageOf(killStress({ ...SMALL, log })),
    /has died by itself: exit code=\d, .*attachMax=1/,
  );
  // No entry of a client fits: an error that no contract allows them.
  const tiny = { ...USUAL.log, entryBytesMax: 4 };
  assert.match(
    await messageOf(killStress({ ...SMALL, log: tiny })),
    /died by itself: exit code=\d, .*payload/,
  );
});

stress('plans the same for the same seed, by the weights of the kinds', () => {
  const planOf = (kinds: typeof VICTIM_KINDS | readonly ['client'], count: number) => {
    const random = new Random(3);
    return Array.from({ length: count }, () => planKill(random, kinds));
  };
  assert.equal(planOf(VICTIM_KINDS, 50), planOf(VICTIM_KINDS, 50));
  const kills = planOf(VICTIM_KINDS, 10_000);
  const shares = VICTIM_KINDS.map((one) => kills.filter(({ kind }) => kind === one).length / 100);
  for (const [i, expected] of [50, 20, 15, 15].entries()) {
    assert.ok(Math.abs(shares[i] - expected) < 2, `${VICTIM_KINDS[i]}: ${shares[i]} %`);
  }
  for (const { loadMs } of kills) assert.ok(loadMs >= 1 && loadMs <= 30);
  const clients = planOf(['client'], 1000);
  assert.ok(clients.every(({ kind }) => kind === 'client'));
  const choices = kills.slice(0, 1000).map(({ choice }) => choice);
  assert.equal(
    clients.map(({ choice }) => choice),
    choices,
    'kinds do not shift the choice',
  );
});

stress('tells an entry that is mixed of two', () => {
  const value = nextValue(firstValue(70_000));
  for (const bytes of [8, 9, 400]) assert.is(valueIn(payloadOf(value, bytes)), value);
  const mixed = payloadOf(value, 100);
  mixed.set(payloadOf(nextValue(value), 100).subarray(50), 50);
  assert.throws(() => valueIn(mixed), /mixed of two: value=\d+, byte=50 of 100/);
  assert.throws(() => nextValue(firstValue(2) - 1), /has values left/);
});

const RECORD: HistoryRecord = {
  kind: StressKind.APPEND,
  key: 0,
  value: 5,
  call: 10,
  state: RecordState.OK,
  return: 20,
  position: 107,
  found: 0,
  outcome: 0,
};

stress('takes what a dead thread had under way as unknown', () => {
  const append = { kind: 'append', client: 3, call: 10, return: 20, position: 7, value: '5' };
  assert.equal(loggedOperation(RECORD, 3, 100), { ...append, outcome: 'ok' });
  const open = { ...RECORD, state: RecordState.INVOKED, return: Number.POSITIVE_INFINITY };
  const unknown = { ...append, position: -1, outcome: 'unknown' };
  assert.equal(loggedOperation(open, 3, 100), { ...unknown, return: Number.POSITIVE_INFINITY });
  const uncertain = { ...RECORD, state: RecordState.UNKNOWN };
  assert.equal(loggedOperation(uncertain, 3, 100), unknown);
  const failed = { ...RECORD, state: RecordState.FAIL };
  assert.equal(loggedOperation(failed, 3, 100), { ...unknown, outcome: 'failed' });
  const read = { ...open, kind: StressKind.READ, key: 90, outcome: Found.VALUE };
  const told = loggedOperation(read, 3, 100);
  assert.equal([told?.kind, told?.position, told?.outcome], ['read', -10, 'failed']);
});

stress('finds an acknowledged entry that is not there', () => {
  const history = [trimOf(1, 2), loggedOperation({ ...RECORD, position: 101 }, 3, 100)!];
  assert.equal(checkBatch(history, ['junk', { value: '5' }]), []);
  const lost = /an acknowledged entry is lost: position=1, 5/;
  for (const there of ['junk', 'trimmed', 'unwritten', { value: '6' }] as const) {
    assert.match(checkBatch(history, ['junk', there]).join('\n'), lost);
  }
  assert.match(checkBatch(history, ['junk']).join('\n'), lost);
  assert.match(checkBatch([], ['trimmed']).join('\n'), /position 0 is trimmed/);
});

stress('finds a gap in what a cursor handed over, and an entry handed over twice', () => {
  const entries: LogEntry[] = [10, 11, 12, 13, 14].map((position) => ({
    kind: 'data',
    position,
    payload: payloadOf(position, 8),
    streams: position === 12 ? [2] : [1, 2],
    writer: { thread: 1, sequence: position },
  }));
  const handed = (positions: readonly number[], change: Partial<HistoryRecord> = {}) => {
    const play = { ...RECORD, kind: StressKind.PLAY, key: 1, value: 1, outcome: Found.VALUE };
    const records = positions.map((position) => ({ client: 3, record: { ...play, position } }));
    const last = { client: 3, record: { ...play, outcome: Found.NOTHING, ...change } };
    return checkCursors([...records, last], entries, [1, 2]);
  };
  for (const right of [[], [10, 11, 13, 14], [11, 13], [13, 11], [14]]) {
    assert.equal(handed(right), []);
  }
  assert.equal(handed([10, 13]), ['client 3 was handed 13 of stream 1, not 11']);
  assert.equal(handed([11, 11, 13]), ['client 3 was handed 11 of stream 1, not 13']);
  assert.equal(handed([12]), ['client 3 was handed 12 of stream 1, not one of its entries']);
  assert.equal(handed([10, 13], { state: RecordState.INVOKED }), [], 'it died while it read');
  assert.equal(handed([10, 13], { state: RecordState.INVOKED, value: 2 }).length, 1);
});

stress.run();
