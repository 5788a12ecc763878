/**
 * What the reads of list transactions tell without looking at cycles: which transactions happened, in
 * which order the values of each list were appended, and reads that no order explains.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { DirectAnomaly, ListKey, ListValue, Transaction } from './strict-serializability.ts';
import { inWords } from './value-key.ts';

export interface Append {
  readonly transaction: number;
  /** The transaction's append to this list before this one. */
  readonly previous: ListValue | undefined;
  /** Whether the transaction appends nothing more to this list. */
  isLast: boolean;
}

export interface ListOfKey {
  readonly key: ListKey;
  readonly appends: Map<ListValue, Append>;
  /** The longest that was read. */
  readonly order: ListValue[];
  readonly inOrder: Set<ListValue>;
  /** Whose read shows the order. */
  orderReader: number;
  /** By turns a transaction, and how much of the order it found there. */
  readonly reads: number[];
}

export type Report = (
  type: DirectAnomaly,
  transactions: number[],
  key: ListKey,
  why: string,
) => void;

const NOTHING: readonly ListValue[] = [];

export class ListHistory {
  readonly lists: ListOfKey[] = [];
  /** 1 for each transaction that is 'ok', or 'unknown' and somebody saw it. */
  readonly happened: Uint8Array;
  readonly #byKey = new Map<ListKey, ListOfKey>();
  readonly #transactions: readonly Transaction[];
  readonly #report: Report;
  /** Happened, and its reads are still to be looked at. */
  readonly #waiting: number[] = [];

  constructor(transactions: readonly Transaction[], report: Report) {
    this.#transactions = transactions;
    this.#report = report;
    this.happened = new Uint8Array(transactions.length);
    for (const [i, transaction] of transactions.entries()) this.#indexAppends(i, transaction);
    for (const [i, { outcome }] of transactions.entries()) {
      if (outcome !== 'ok') continue;
      this.happened[i] = 1;
      this.#takeIn(i);
    }
    for (let i = this.#waiting.pop(); i !== undefined; i = this.#waiting.pop()) this.#takeIn(i);
  }

  nameOf(transaction: number): string {
    return this.#transactions[transaction].name ?? `T${transaction}`;
  }

  #indexAppends(i: number, { operations }: Transaction): void {
    const latest = new Map<ListOfKey, ListValue>();
    for (const operation of operations) {
      if (operation.type === 'read') continue;
      const { key, value } = operation;
      const list = this.#list(key);
      if (list.appends.has(value)) {
        const text = `each value once in a list was expected: key=${inWords(key)}, value=${inWords(value)}`;
        throw new TangoError('ERR_INVALID_ARGUMENT', text);
      }
      const previous = latest.get(list);
      if (previous !== undefined) list.appends.get(previous)!.isLast = false;
      list.appends.set(value, { transaction: i, previous, isLast: true });
      latest.set(list, value);
    }
  }

  #list(key: ListKey): ListOfKey {
    let list = this.#byKey.get(key);
    if (list === undefined) {
      const empty = { appends: new Map(), order: [], inOrder: new Set<ListValue>(), reads: [] };
      list = { key, ...empty, orderReader: -1 };
      this.#byKey.set(key, list);
      this.lists.push(list);
    }
    return list;
  }

  /** Takes from each read what the transaction appended itself; the first rest counts, others repeat it. */
  #takeIn(i: number): void {
    const appended = new Map<ListKey, ListValue[]>();
    const found = new Map<ListKey, readonly ListValue[]>();
    for (const operation of this.#transactions[i].operations) {
      const { key } = operation;
      if (operation.type === 'append') {
        const own = appended.get(key);
        if (own === undefined) appended.set(key, [operation.value]);
        else own.push(operation.value);
        continue;
      }
      const { values } = operation;
      if (values === undefined) continue;
      const own = appended.get(key) ?? NOTHING;
      const rest = values.length - own.length;
      if (rest < 0 || own.some((value, at) => values[rest + at] !== value)) {
        this.#internal(i, key, `read ${show(values)} after it had appended ${show(own)}`);
        continue;
      }
      const others = own.length === 0 ? values : values.slice(0, rest);
      const before = found.get(key);
      if (before === undefined) found.set(key, others);
      else if (before.length !== rest || others.some((value, at) => before[at] !== value)) {
        this.#internal(i, key, `found ${show(others)} where it had found ${show(before)}`);
      }
    }
    for (const [key, values] of found) {
      const own = appended.get(key)?.find((value) => values.includes(value));
      if (own !== undefined) {
        this.#internal(i, key, `read ${show(values)} and appended ${inWords(own)} only later`);
      }
      this.#takeInRead(i, this.#list(key), values);
    }
  }

  #internal(i: number, key: ListKey, what: string): void {
    this.#report('internal', [i], key, `${this.nameOf(i)} ${what}`);
  }

  #takeInRead(i: number, list: ListOfKey, values: readonly ListValue[]): void {
    const { order } = list;
    const common = Math.min(order.length, values.length);
    let same = 0;
    while (same < common && order[same] === values[same]) same++;
    if (same < common) {
      const why =
        `${this.nameOf(i)} read ${show(values)} and ${this.nameOf(list.orderReader)} ${show(order)}: ` +
        'neither is how the other begins';
      this.#report('incompatible-order', [i, list.orderReader], list.key, why);
      const seen = new Set(values.slice(0, same));
      for (const value of values.slice(same)) this.#takeInValue(i, list, values, value, seen);
    } else {
      if (values.length > order.length) {
        for (const value of values.slice(same)) {
          this.#takeInValue(i, list, values, value, list.inOrder);
          order.push(value);
        }
        list.orderReader = i;
      }
      list.reads.push(i, values.length);
    }
    if (values.length === 0) return;
    const last = list.appends.get(values[values.length - 1]);
    if (last === undefined || last.isLast || last.transaction === i) return;
    const writer = this.nameOf(last.transaction);
    const why = `${this.nameOf(i)} read ${show(values)}, but ${writer} appended more after that`;
    this.#report('G1b', [i, last.transaction], list.key, why);
  }

  /** A value that no read before this one showed in its place; `seen` are those before it. */
  #takeInValue(
    i: number,
    list: ListOfKey,
    values: readonly ListValue[],
    value: ListValue,
    seen: Set<ListValue>,
  ): void {
    const { key } = list;
    const read = `${this.nameOf(i)} read ${show(values)}`;
    if (seen.has(value)) this.#report('duplicate', [i], key, `${read}: ${inWords(value)} twice`);
    seen.add(value);
    const append = list.appends.get(value);
    if (append === undefined) {
      const why = `${read}, but nobody appended ${inWords(value)}`;
      this.#report('garbage-read', [i], key, why);
      return;
    }
    const { transaction: writer, previous } = append;
    if (previous !== undefined && !seen.has(previous)) {
      const order = `${inWords(previous)} before ${inWords(value)}`;
      const why = `${read}, but ${this.nameOf(writer)} appended ${order}`;
      this.#report('incompatible-order', [i, writer], key, why);
    }
    const { outcome } = this.#transactions[writer];
    if (outcome === 'fail') {
      const why = `${read}, but ${this.nameOf(writer)}, which appended ${inWords(value)}, failed`;
      this.#report('G1a', [i, writer], key, why);
    } else if (this.happened[writer] === 0) {
      this.happened[writer] = 1;
      this.#waiting.push(writer);
    }
  }
}

/** The end of a list tells where it was read. */
export function show(values: readonly ListValue[]): string {
  const shown = values.slice(-6).map((value) => inWords(value));
  return `[${values.length > 6 ? `… ${values.length - 6} more, ` : ''}${shown.join(', ')}]`;
}
