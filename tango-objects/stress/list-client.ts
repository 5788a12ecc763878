/**
 * Transactions that append to lists and read them, as Elle's list-append: few contended lists and many
 * others. Half of them are values of a TangoMap, read and set anew; the others belong to an object that
 * appends blindly. A list that is long enough is followed by the next of its name.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { TangoMap } from '../tango-map.ts';
import { AppendLists } from './append-lists.ts';
import type { Outcome } from './journal.ts';
import { failedOutcome, ObjectClient, type ObjectClientOptions } from './object-client.ts';

export interface PlannedOperation {
  readonly type: 'append' | 'read';
  readonly key: string;
  /** Of an append. */
  readonly value?: number;
}

/** What a transaction is about to do: its input in the journal. */
export interface PlannedTransaction {
  readonly operations: readonly PlannedOperation[];
  /** Its lists are those that everybody wants. */
  readonly contended: boolean;
  readonly how: 'async' | 'sync' | 'read only';
  readonly retries: number;
  /** Operations from here on are in a nested call; absent: none are. */
  readonly nestedFrom?: number;
  /** The nested call throws, and the outer body goes on. */
  readonly nestedThrows?: true;
  /** The body throws at its end. */
  readonly throws?: true;
}

/** For each operation that stays the list as found before it; null: it was not read. */
export type FoundLists = readonly (readonly number[] | null)[];

const CONTENDED_LISTS = 2;
const OTHER_LISTS = 400;
const CONTENDED_CHANCE = 0.25;
/** Transactions of a thread at once. */
export const BURST = 5;
const OPERATIONS_MAX = 4;
const LIST_LENGTH_MAX = 24;
const RETRIES_CHANCE = 0.15;
const RETRIES = 3;
const NESTED_CHANCE = 0.15;
const THROWS_CHANCE = 0.04;

const ABANDONED = new Error('the body gives up');

export class ListClient extends ObjectClient {
  readonly #map: TangoMap<string, number[]>;
  readonly #lists: AppendLists;
  /** By name: which of its lists is appended to now, as far as this thread knows. */
  readonly #generations = new Map<string, number>();

  private constructor(
    options: ObjectClientOptions,
    map: TangoMap<string, number[]>,
    lists: AppendLists,
  ) {
    super(options);
    this.#map = map;
    this.#lists = lists;
  }

  static async open(options: ObjectClientOptions): Promise<ListClient> {
    const { tango, round } = options;
    const map = await tango.map<string, number[]>(`lists of a map ${round}`);
    return new ListClient(options, map, await tango.object(AppendLists, `lists ${round}`));
  }

  /** Contended transactions come in bursts: those of one turn have one snapshot, whatever the machine. */
  protected async step(): Promise<void> {
    const contended = this.options.random.chance(CONTENDED_CHANCE);
    const plans = Array.from({ length: contended ? BURST : 1 }, () => this.#plan(contended));
    await Promise.all(plans.map((plan) => this.#transact(plan)));
  }

  protected state(): unknown {
    return [[...this.#map], this.#lists.entries()];
  }

  async #transact(plan: PlannedTransaction): Promise<void> {
    const { how, retries } = plan;
    const { tango } = this.options;
    const readOnly = how === 'read only';
    await this.perform(
      plan,
      () => {
        const body = () => this.#body(plan);
        if (how === 'sync') return tango.transactSync(body, { retries });
        return tango.transact(body, { retries, readOnly });
      },
      transactionOutcome,
    );
  }

  #plan(contended: boolean): PlannedTransaction {
    const { random } = this.options;
    const drawn = random.next();
    const how = drawn < 0.15 ? 'read only' : drawn < 0.35 ? 'sync' : 'async';
    const count = 1 + random.below(OPERATIONS_MAX);
    const operations = Array.from({ length: count }, (): PlannedOperation => {
      const number = random.below(contended ? CONTENDED_LISTS : OTHER_LISTS);
      const key = this.#keyOf(`${contended ? 'c' : 'o'}${number}`);
      const reads = how === 'read only' || random.chance(0.5);
      return reads ? { type: 'read', key } : { type: 'append', key, value: this.nextValue() };
    });
    const retries = random.chance(RETRIES_CHANCE) ? RETRIES : 0;
    const plan: PlannedTransaction = { operations, contended, how, retries };
    if (random.chance(THROWS_CHANCE)) return { ...plan, throws: true };
    if (!random.chance(NESTED_CHANCE)) return plan;
    const nestedFrom = random.below(count + 1);
    return { ...plan, nestedFrom, ...(random.chance(0.5) ? { nestedThrows: true } : {}) };
  }

  #body(plan: PlannedTransaction): FoundLists {
    const { operations, nestedFrom = operations.length, nestedThrows, throws } = plan;
    const found = operations.slice(0, nestedFrom).map((one) => this.#do(one));
    try {
      this.options.tango.transactSync(() => {
        const nested = operations.slice(nestedFrom).map((one) => this.#do(one));
        if (nestedThrows) throw ABANDONED;
        found.push(...nested);
      });
    } catch (error) {
      if (error !== ABANDONED) throw error;
    }
    if (throws) throw ABANDONED;
    return found;
  }

  #do({ type, key, value = 0 }: PlannedOperation): readonly number[] | null {
    if (type === 'read') return this.#read(key);
    if (!isOfMap(key)) {
      this.#lists.appendSync(key, value);
      return null;
    }
    const before = this.#read(key);
    this.#map.setSync(key, [...before, value]);
    return before;
  }

  #read(key: string): readonly number[] {
    const list = isOfMap(key) ? (this.#map.get(key) ?? []) : this.#lists.read(key);
    const [name, generation] = key.split('.');
    if (list.length >= LIST_LENGTH_MAX) this.#generations.set(name, Number(generation) + 1);
    return list;
  }

  #keyOf(name: string): string {
    const keyOf = (): string => `${name}.${this.#generations.get(name) ?? 0}`;
    if (this.#generations.has(name)) return keyOf();
    // A thread that begins late finds what others have filled.
    this.#generations.set(name, 0);
    for (let before = ''; before !== keyOf(); ) {
      before = keyOf();
      this.#read(before);
    }
    return keyOf();
  }
}

/** Every other number. */
function isOfMap(key: string): boolean {
  return Number(key.slice(1).split('.')[0]) % 2 === 0;
}

function transactionOutcome(error: unknown): Outcome {
  if (error === ABANDONED) return 'fail';
  if (error instanceof TangoError && error.code === 'ERR_CONFLICT') return 'fail';
  return failedOutcome(error);
}
