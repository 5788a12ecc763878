/**
 * Threads make calls of all contracts while threads are killed: the calls on each object are linearizable,
 * and all views are the same. `ROUNDS=40` is a long run; `SEED=` repeats the victims and the calls of each
 * thread, not the moments of the machine.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientRecord } from '../stress/object-history.ts';
import { ObjectStress, type StressClock } from '../stress/object-stress.ts';
import { type PlannedContractCall, wrongCalls } from './contract-client.ts';
import { CONTRACTS } from './contracts.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 1);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const AGAIN = `SEED=${SEED} ROUNDS=${ROUNDS} node ${process.argv[1]}`;
/** A history of each round is short enough for the search. */
const CALLS_A_ROUND = 80 * CONTRACTS.length;

const [zeroSeconds] = process.hrtime();
const clock: StressClock = {
  zeroSeconds,
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - zeroSeconds) * 1e9 + nanoseconds;
  },
  rest: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

const stress = suite('contract stress');

stress(
  `calls of four threads in ${ROUNDS} round${ROUNDS === 1 ? '' : 's'} are linearizable, with kills`,
  async () => {
    const one = await ObjectStress.open({
      seed: SEED,
      clients: 4,
      lanes: 1,
      links: ['mailbox', 'direct'],
      killEveryMs: 60,
      log: {
        storageUnits: 2,
        spareUnits: 4,
        actorThreads: 2,
        attachMax: 24,
        holeFillMs: 20,
        logBytes: 8 * 2 ** 20,
        entryBytesMax: 16 * 1024,
      },
      clock,
    });
    const calls: Record<string, number> = {};
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        const { records, digests } = await one.round('contracts', CALLS_A_ROUND);
        assert.equal(wrongCalls(records), [], `again with: ${AGAIN}`);
        assert.is(new Set(digests).size, 1, `all views are the same; again with: ${AGAIN}`);
        for (const { input, outcome } of records) {
          const { contract } = input as PlannedContractCall;
          if (outcome === 'ok') calls[contract] = (calls[contract] ?? 0) + 1;
        }
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`again with: ${AGAIN}\n${text}`, { cause: error });
    } finally {
      await one.close();
    }
    console.log(`  ${AGAIN}\n  ${JSON.stringify(calls)}`);
    for (const { name } of CONTRACTS) assert.ok(calls[name] > 0, `calls of each contract: ${name}`);
  },
);

stress('tells a call that nobody can have made at its time, of any contract', () => {
  const record = (
    contract: string,
    call: PlannedContractCall['call'],
    more = {},
  ): ClientRecord => ({
    client: 1,
    call: 10,
    return: 20,
    outcome: 'ok',
    input: { contract, call },
    ...more,
  });
  const later = { call: 30, return: 40 };
  const set = record('map', ['set', 'a', 1]);
  const keys = record('map', ['keys'], { ...later, output: ['a'] });
  assert.equal(wrongCalls([set, keys]), []);
  assert.match(wrongCalls([set, { ...keys, output: [] }]).join(), /^map, violation: .*/);
  const killed: ClientRecord = { ...set, outcome: 'unknown', return: Infinity };
  for (const output of [['a'], []]) assert.equal(wrongCalls([killed, { ...keys, output }]), []);
  const failed: ClientRecord = { ...set, outcome: 'fail' };
  assert.is(wrongCalls([failed, keys]).length, 1);
  const next = record('counter', ['next'], { output: 0 });
  assert.equal(wrongCalls([next, { ...next, ...later, output: 1 }]), []);
  assert.is(wrongCalls([next, { ...next, ...later }]).length, 1, 'a number twice');
});

stress.run();
