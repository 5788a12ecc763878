/** Transactions that overlap, by chance: as if each had run alone at the moment when it was committed. */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { suite } from 'uvu';
import { chosen } from '../chosen-cases.ts';
import { OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { TangoMap } from '../tango-map.ts';
import { CONTRACTS } from './contracts.ts';
import {
  type Call,
  Caller,
  expectSame,
  inWords,
  ModelCaller,
  type ObjectContract,
} from './object-contract.ts';

/** Sequences for each contract. */
const RUNS = Number(process.env.RUNS ?? 30);
const SEED = Number(process.env.SEED ?? randomInt(1_000_000));
const CLIENTS = 3;

/** What a client does. The next client does `meanwhile` in the midst of it, before the call of that index. */
interface Act {
  readonly isTransaction: boolean;
  readonly calls: readonly Call[];
  readonly at: number;
  readonly meanwhile: readonly Act[];
}

/** What took effect at once, and what it gave. */
interface Committed {
  readonly calls: readonly Call[];
  readonly results: readonly unknown[];
}

const overlap = chosen(suite('overlap'));
const logs = new OpenedLogs({ logBytes: 2 ** 26, compaction: false, link: 'direct' });

function actOf(calls: fc.Arbitrary<Call>, client: number): fc.Arbitrary<Act> {
  const isFirst = client === 0;
  const inner = client + 1 < CLIENTS ? actOf(calls, client + 1) : undefined;
  return fc.record<Act>({
    isTransaction: isFirst ? fc.constant(true) : fc.boolean(),
    calls: fc.array(calls, { minLength: 1, maxLength: 3 }),
    at: fc.nat(3),
    meanwhile:
      inner === undefined
        ? fc.constant([])
        : fc.array(inner, { minLength: isFirst ? 1 : 0, maxLength: 2 }),
  });
}

class Client {
  readonly #caller: Caller<object>;
  readonly #witness: TangoMap<number, number>;
  readonly #next: Client | undefined;
  readonly #committed: Committed[];

  constructor(
    caller: Caller<object>,
    witness: TangoMap<number, number>,
    next: Client | undefined,
    committed: Committed[],
  ) {
    this.#caller = caller;
    this.#witness = witness;
    this.#next = next;
    this.#committed = committed;
  }

  do(act: Act): void {
    if (act.isTransaction) return this.#transact(act);
    for (const call of act.calls) {
      this.#committed.push({ calls: [call], results: [this.#caller.callSync(call)] });
    }
  }

  #transact({ calls, at, meanwhile }: Act): void {
    const results: unknown[] = [];
    let runs = 0;
    this.#caller.tango.transactSync(() => {
      const isFirst = ++runs === 1;
      results.length = 0;
      for (const [i, call] of calls.entries()) {
        if (isFirst && i === at) this.#let(meanwhile);
        results.push(this.#caller.callSync(call));
      }
      if (isFirst && at >= calls.length) this.#let(meanwhile);
      // Who changes nothing takes effect at its snapshot. Written blindly, it conflicts with nobody.
      this.#witness.setSync(0, 0);
    });
    this.#committed.push({ calls, results });
  }

  #let(meanwhile: readonly Act[]): void {
    for (const act of meanwhile) this.#next?.do(act);
  }
}

async function run(
  contract: ObjectContract,
  given: readonly Call[],
  clients: readonly Tango[],
  name: string,
  acts: readonly Act[],
): Promise<void> {
  const committed: Committed[] = [];
  const callers: Caller<object>[] = [];
  let first: Client | undefined;
  for (const tango of [...clients].reverse()) {
    const caller = await Caller.open(contract, tango, name);
    callers.push(caller);
    first = new Client(caller, await tango.map('witness'), first, committed);
  }
  const begin: Act = { isTransaction: false, calls: given, at: 0, meanwhile: [] };
  for (const act of [begin, ...acts]) first?.do(act);
  const model = new ModelCaller(contract);
  for (const { calls, results } of committed) {
    for (const [i, call] of calls.entries()) {
      const history = committed.map((one) => one.calls.map(inWords).join(', ')).join(' · ');
      expectSame(results[i], model.call(call), `what ${inWords(call)} gives in ${history}`);
    }
  }
  for (const caller of callers) expectSame(caller.observe(), model.observe(), 'the object');
}

for (const contract of CONTRACTS) {
  overlap(`transactions that overlap are as if they had not: ${contract.name}`, async () => {
    const tango = await logs.open();
    const clients = [tango, await logs.attach(tango), await logs.attach(tango)];
    const acts = fc.array(actOf(contract.calls, 0), { minLength: 1, maxLength: 4 });
    const begins = fc.constantFrom(...contract.conflicts.map(({ given }) => given));
    let names = 0;
    const property = fc.asyncProperty(begins, acts, (given, one) =>
      run(contract, given, clients, `o${++names}`, one),
    );
    try {
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    } finally {
      await logs.close();
    }
  });
}

overlap.run();
