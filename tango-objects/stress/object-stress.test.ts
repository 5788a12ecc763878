/**
 * Threads use objects while threads are killed where they stand, and stalled: what they saw is strictly
 * serializable and linearizable, and all views are the same. `TRANSACTIONS=200000` is the long run,
 * `SEED=` repeats the victims and the order of each client's steps, not the moments of the machine.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RegisterInput } from '../checkers/models.ts';
import { checkStrictSerializability } from '../checkers/strict-serializability.ts';
import { allocateJournal, JournalReader, JournalWriter, NO_ROOM } from './journal.ts';
import { BURST, type PlannedOperation } from './list-client.ts';
import {
  type ClientRecord,
  contentionOf,
  transactionsOf,
  wrongOperations,
} from './object-history.ts';
import {
  ObjectStress,
  type ObjectStressOptions,
  type RoundReport,
  type StressClock,
} from './object-stress.ts';

const TRANSACTIONS = Number(process.env.TRANSACTIONS ?? 5000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const AGAIN = `SEED=${SEED} TRANSACTIONS=${TRANSACTIONS} node ${process.argv[1]}`;
const IS_LONG = TRANSACTIONS > 20_000;
const MIB = 2 ** 20;
/** Single operations: a history of each round is short enough for the search. */
const ROUNDS = IS_LONG ? 40 : 3;
const OPERATIONS_A_ROUND = 300;

const [zeroSeconds] = process.hrtime();
const clock: StressClock = {
  zeroSeconds,
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - zeroSeconds) * 1e9 + nanoseconds;
  },
  rest: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

const USUAL: ObjectStressOptions = {
  seed: SEED,
  clients: 4,
  lanes: 2,
  links: ['mailbox', 'direct'],
  killEveryMs: IS_LONG ? 400 : 80,
  log: {
    storageUnits: 2,
    spareUnits: 4,
    actorThreads: 2,
    attachMax: 24,
    holeFillMs: 20,
    logBytes: (IS_LONG ? 64 : 8) * MIB,
    entryBytesMax: 16 * 1024,
  },
  clock,
};

const stress = suite('object stress');

/** Runs `work`; an error names the seed and the command that repeats it. */
async function stressed(
  options: Partial<ObjectStressOptions>,
  work: (stress: ObjectStress) => Promise<void>,
): Promise<void> {
  const one = await ObjectStress.open({ ...USUAL, ...options });
  try {
    await work(one);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`again with: ${AGAIN}\n${text}`, { cause: error });
  } finally {
    await one.close();
  }
}

function checkDigests({ digests }: RoundReport): void {
  assert.equal(new Set(digests).size, 1, `all views are the same: ${digests.join(' ')}`);
}

stress(`${TRANSACTIONS} transactions under faults are strictly serializable`, () =>
  stressed({}, async (one) => {
    const report = await one.round('lists', TRANSACTIONS);
    const { records, fates, ms } = report;
    const transactions = transactionsOf(records);
    const { anomalies, explanation, happened } = checkStrictSerializability(transactions);
    const { ended, aborted } = contentionOf(records);
    const outcomes: Record<string, number> = {};
    for (const { outcome, output } of records) {
      const name = outcome === 'ok' ? outcome : `${outcome}: ${output ?? 'killed'}`;
      outcomes[name] = (outcomes[name] ?? 0) + 1;
    }
    console.log(`  ${AGAIN}\n  ${JSON.stringify(fates)}\n  ${JSON.stringify(outcomes)}`);
    const rate = Math.round((records.length * 1000) / ms);
    const share = aborted / ended;
    console.log(
      `  ${transactions.length} transactions, ${happened} happened, ${rate}/s, ` +
        `contended: ${ended}, aborted ${(100 * share).toFixed(1)} %`,
    );
    assert.equal(anomalies.length, 0, explanation);
    checkDigests(report);
    assert.ok(share >= 0.2 && share <= 0.8, `20 to 80 % of the contended part abort: ${share}`);
    const unknown = records.filter(({ outcome }) => outcome === 'unknown').length;
    const killed = fates.client * USUAL.lanes * BURST;
    assert.ok(unknown <= killed + records.length / 1000, `few outcomes are unknown: ${unknown}`);
  }),
);

stress(`operations of three views in ${ROUNDS} rounds are linearizable, with kills`, () =>
  stressed({ clients: 3, lanes: 2, killEveryMs: 30 }, async (one) => {
    let operations = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const report = await one.round('operations', OPERATIONS_A_ROUND);
      assert.equal(wrongOperations(report.records), []);
      checkDigests(report);
      operations += report.records.length;
    }
    console.log(`  ${operations} operations`);
  }),
);

const RECORD: ClientRecord = { client: 1, call: 10, return: 20, outcome: 'ok', input: {} };
const PLAN = { contended: true, how: 'async', retries: 0 } as const;
const append = (value: number): PlannedOperation => ({ type: 'append', key: 'c0.0', value });
const READ: PlannedOperation = { type: 'read', key: 'c0.0' };

function anomaliesOf(...records: readonly Partial<ClientRecord>[]): string[] {
  const whole = records.map((record) => ({ ...RECORD, ...record }));
  return checkStrictSerializability(transactionsOf(whole)).anomalies.map(({ type }) => type);
}

stress('tells an acknowledged append that is lost, and what a failed one left', () => {
  const appended = { input: { ...PLAN, operations: [append(1)] }, output: [[]] };
  const read = (values: number[]) => ({
    input: { ...PLAN, operations: [READ] },
    output: [values],
    call: 30,
    return: 40,
  });
  assert.equal(anomaliesOf(appended, read([1])), []);
  assert.equal(anomaliesOf(appended, read([])), ['G-single-realtime']);
  const failed = { ...appended, outcome: 'fail', output: 'ERR_CONFLICT' } as const;
  assert.equal(anomaliesOf(failed, read([])), []);
  assert.equal(anomaliesOf(failed, read([1])), ['G1a']);
  const killed = { ...appended, outcome: 'unknown', return: Infinity, output: undefined } as const;
  for (const values of [[], [1]]) assert.equal(anomaliesOf(killed, read(values)), []);
});

stress('tells what a nested call that gave up has left', () => {
  const operations = [append(1), append(2)];
  const input = { ...PLAN, operations, nestedFrom: 1, nestedThrows: true };
  const outer = { input, output: [[]] };
  const read = (values: number[]) => ({
    input: { ...PLAN, operations: [READ] },
    output: [values],
    call: 30,
    return: 40,
  });
  assert.equal(anomaliesOf(outer, read([1])), []);
  assert.equal(anomaliesOf(outer, read([1, 2])), ['G1a']);
});

stress('counts conflicts among the contended transactions that change something', () => {
  const operations = [append(1)];
  const aborted = { ...RECORD, outcome: 'fail', output: 'ERR_CONFLICT' } as const;
  const records: ClientRecord[] = [
    { ...RECORD, input: { ...PLAN, operations } },
    { ...aborted, input: { ...PLAN, operations } },
    { ...aborted, input: { ...PLAN, operations, contended: false } },
    { ...aborted, input: { ...PLAN, operations, throws: true } },
    { ...RECORD, input: { ...PLAN, operations: [READ] } },
    { ...RECORD, outcome: 'unknown', input: { ...PLAN, operations } },
  ];
  assert.equal(contentionOf(records), { ended: 2, aborted: 1 });
});

stress('tells a stale read of a register; what a dead thread wrote may be there or not', () => {
  const call = (input: RegisterInput): Partial<ClientRecord> => ({
    input: { object: 'register', sync: true, input },
  });
  const set = { ...RECORD, ...call({ type: 'set', value: 5 }) };
  const get = { ...RECORD, ...call({ type: 'get' }), call: 30, return: 40 };
  assert.equal(wrongOperations([set, { ...get, output: 5 }]), []);
  assert.match(wrongOperations([set, get]).join(), /^register, violation: not linearizable/);
  const killed: ClientRecord = { ...set, outcome: 'unknown', return: Infinity };
  for (const output of [5, undefined])
    assert.equal(wrongOperations([killed, { ...get, output }]), []);
  const failed: ClientRecord = { ...set, outcome: 'fail' };
  assert.equal(wrongOperations([failed, { ...get, output: 5 }]).length, 1);
});

stress('a journal tells what a dead thread had under way, and its successor goes on', () => {
  const buffer = allocateJournal();
  const reader = new JournalReader(buffer);
  let time = 0;
  const now = () => ++time;
  const writer = new JournalWriter(buffer, now);
  const first = writer.begin('first');
  writer.begin('second');
  assert.ok(writer.end(first, now(), 'ok', [1]));
  assert.equal(reader.collect(), [
    { call: 1, input: 'first', return: 3, outcome: 'ok', output: [1] },
  ]);
  assert.equal(reader.open(), [{ call: 2, input: 'second' }]);
  const open = { call: 2, input: 'second', return: Infinity, outcome: 'unknown' };
  assert.equal(reader.collectDead(), [open]);
  const successor = new JournalWriter(buffer, now);
  const long = 'x'.repeat(100_000);
  let begun = 0;
  for (let number = successor.begin(long); number !== NO_ROOM; number = successor.begin(long))
    begun++;
  assert.ok(begun > 2, 'a journal has room for some');
  assert.equal(reader.collectDead().length, begun);
  assert.is.not(successor.begin(long), NO_ROOM);
});

stress('a thread that dies by itself ends the round, and is named', async () => {
  // No client can attach.
  const log = { ...USUAL.log, attachMax: 1 };
  await stressed({ log }, async (one) => {
    await one.round('lists', 10).then(
      () => assert.unreachable('the round has failed'),
      (error: Error) => assert.match(error.message, /^client \d has exited: .*attachMax=1/),
    );
  });
});

stress.run();
