/**
 * Is there one order of the transactions in which each read what it read, and that agrees with real
 * time? In the manner of Elle (Kingsbury and Alvaro 2020), for transactions that append to lists and
 * read them: a list shows in which order it was appended to, so cycles are found in linear time, and a
 * violation names the anomaly and tells why each transaction had to come before the next. An example:
 *
 *   const result = checkStrictSerializability([
 *     { operations: [{ type: 'append', key: 'x', value: 1 }], outcome: 'ok', call: 0, return: 1 },
 *     { operations: [{ type: 'read', key: 'x', values: [] }], outcome: 'ok', call: 2, return: 3 },
 *   ]);
 *   result.anomalies[0].type; // 'G-single-realtime'
 */

import { CycleSearch } from './dependency-cycles.ts';
import { DependencyGraph, REALTIME, UNREAD, WR, WW } from './dependency-graph.ts';
import type { Interval } from './event-order.ts';
import { ListHistory, show } from './list-history.ts';
import { inWords } from './value-key.ts';

export type ListKey = string | number;
export type ListValue = string | number;

export type ListOperation =
  /** `value` is appended to this list once in the whole history. */
  | { readonly type: 'append'; readonly key: ListKey; readonly value: ListValue }
  /** `values` is the list as found, own appends included; undefined: not known. */
  | { readonly type: 'read'; readonly key: ListKey; readonly values?: readonly ListValue[] };

export interface Transaction extends Interval {
  readonly operations: readonly ListOperation[];
  /**
   * 'fail': it certainly did not happen, and nobody may see it. 'unknown': it happened, at any time
   * after its call, if a transaction that happened saw an append of it; else it is left out. What it
   * read counts if it happened.
   */
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /** For explanations; `T` and its index in the history otherwise. */
  readonly name?: string;
}

export type DirectAnomaly =
  /** A read shows an append of a transaction that failed. */
  | 'G1a'
  /** A read ends with an append that its transaction followed by another. */
  | 'G1b'
  /** A transaction does not see its own appends, or not the same list twice. */
  | 'internal'
  /** A read shows what nobody appended. */
  | 'garbage-read'
  /** A read shows an append twice. */
  | 'duplicate'
  /** Reads that differ in the order of appends, or from the order in a transaction. */
  | 'incompatible-order';

/** By what the cycle is made of. */
type Cyclic =
  /** Only ww. */
  | 'G0'
  /** ww and wr. */
  | 'G1c'
  /** One rw. */
  | 'G-single'
  /** Several rw. */
  | 'G2-item';

/** With -realtime: serializable as far as the cycle goes, but not in the order of real time. */
export type CycleAnomaly = Cyclic | `${Cyclic}-realtime`;

export interface Dependency {
  readonly kind: 'ww' | 'wr' | 'rw' | 'realtime';
  readonly from: Transaction;
  readonly to: Transaction;
  /** Why `from` comes before `to`. */
  readonly why: string;
}

export interface Anomaly {
  readonly type: DirectAnomaly | CycleAnomaly;
  readonly transactions: readonly Transaction[];
  /** Of a cycle; empty for what a single read shows. */
  readonly dependencies: readonly Dependency[];
  readonly explanation: string;
}

export interface StrictSerializabilityResult {
  readonly verdict: 'ok' | 'violation';
  /** The first of each direct kind, and the gravest of the smallest components of cycles. */
  readonly anomalies: readonly Anomaly[];
  /** How many there are in all: of `anomalies` and those that are left out. */
  readonly anomalyCount: number;
  /** All of `anomalies`, in words. */
  readonly explanation: string;
  readonly transactions: number;
  /** Those with outcome 'ok', and the unknown ones that somebody saw. */
  readonly happened: number;
}

const OF_ONE_KIND_MAX = 5;
const CYCLES_MAX = 20;

/** Blocks. ERR_INVALID_ARGUMENT for a value appended twice to a list, and for a return before a call. */
export function checkStrictSerializability(
  transactions: readonly Transaction[],
): StrictSerializabilityResult {
  const anomalies: Anomaly[] = [];
  let anomalyCount = 0;
  const history = new ListHistory(transactions, (type, indices, key, why) => {
    anomalyCount++;
    if (anomalies.filter((one) => one.type === type).length >= OF_ONE_KIND_MAX) return;
    const explanation = `${type} of list ${inWords(key)}: ${why}`;
    const involved = [...new Set(indices)].map((i) => transactions[i]);
    anomalies.push({ type, transactions: involved, dependencies: [], explanation });
  });
  const graph = new DependencyGraph(history, transactions);
  const { components, cycles } = new CycleSearch(graph).run(CYCLES_MAX);
  anomalyCount += components;
  const why = new Explainer(transactions, history, graph);
  for (const { type, edges } of cycles) anomalies.push(why.anomaly(type, edges));
  const happened = history.happened.reduce((sum, one) => sum + one, 0);
  const size = { transactions: transactions.length, happened };
  if (anomalyCount === 0) {
    const explanation = `strictly serializable: transactions=${size.transactions}, happened=${happened}`;
    return { verdict: 'ok', anomalies, anomalyCount, ...size, explanation };
  }
  const more = anomalyCount - anomalies.length;
  const explanation = [
    `not strictly serializable: anomalies=${anomalyCount}`,
    ...anomalies.map((one) => one.explanation),
    ...(more > 0 ? [`… and ${more} more`] : []),
  ].join('\n');
  return { verdict: 'violation', anomalies, anomalyCount, ...size, explanation };
}

interface Step {
  readonly kind: number;
  /** Of the graph; -1 for real time between any two. */
  readonly edge: number;
  readonly from: number;
  readonly to: number;
}

class Explainer {
  readonly #transactions: readonly Transaction[];
  readonly #history: ListHistory;
  readonly #graph: DependencyGraph;

  constructor(transactions: readonly Transaction[], history: ListHistory, graph: DependencyGraph) {
    this.#transactions = transactions;
    this.#history = history;
    this.#graph = graph;
  }

  anomaly(type: CycleAnomaly, edges: readonly number[]): Anomaly {
    const steps = this.#stepsOf(edges);
    const short = type.endsWith('-realtime') ? this.#shortened(steps) : steps;
    const dependencies = short.map((step) => this.#dependency(step));
    const explanation = [
      `${type}: each of these had to come before the next, and the last before the first`,
      ...dependencies.map((one) => `  ${one.kind}: ${one.why}`),
      ...short.map(({ from }) => `  ${this.#inOneLine(from)}`),
    ].join('\n');
    return { type, transactions: dependencies.map(({ from }) => from), dependencies, explanation };
  }

  /** A way through the end of a list is one step; no cycle starts at such a node. */
  #stepsOf(edges: readonly number[]): Step[] {
    const { from, to, kinds } = this.#graph;
    return edges.flatMap((edge, i) => {
      if (kinds[edge] === UNREAD) return [];
      const unread = to[edge] >= this.#transactions.length;
      const target = unread ? to[edges[(i + 1) % edges.length]] : to[edge];
      return [{ kind: kinds[edge], edge, from: from[edge], to: target }];
    });
  }

  /**
   * The graph has real time only between neighbours; for people it goes all the way. It cannot replace
   * what names the cycle: then there would be a cycle of a graver kind.
   */
  #shortened(steps: readonly Step[]): Step[] {
    const start = steps.findIndex(({ kind }) => kind !== REALTIME);
    const turned = [...steps.slice(start), ...steps.slice(0, start)];
    const short: Step[] = [turned[0]];
    for (let i = 1; i < turned.length; ) {
      const { from } = turned[i];
      const far = turned.findLastIndex(({ to }, at) => at >= i && this.#returnedBefore(from, to));
      short.push(far < 0 ? turned[i] : { kind: REALTIME, edge: -1, from, to: turned[far].to });
      i = Math.max(far, i) + 1;
    }
    return short;
  }

  #returnedBefore(one: number, other: number): boolean {
    const { outcome, return: end } = this.#transactions[one];
    return outcome === 'ok' && end < this.#transactions[other].call;
  }

  #dependency({ kind, edge, from, to }: Step): Dependency {
    const ends = { from: this.#transactions[from], to: this.#transactions[to] };
    const one = this.#history.nameOf(from);
    const other = this.#history.nameOf(to);
    if (kind === REALTIME) {
      const why = `${one} returned at ${ends.from.return}, before ${other} was called at ${ends.to.call}`;
      return { kind: 'realtime', ...ends, why };
    }
    const { lists, places } = this.#graph;
    const list = this.#history.lists[lists[edge]];
    const { order, orderReader } = list;
    const place = places[edge];
    const name = `list ${inWords(list.key)}`;
    const value = inWords(order[place]);
    const shown = orderReader < 0 ? '' : `as ${this.#history.nameOf(orderReader)} read it`;
    switch (kind) {
      case WW: {
        const before = order.findLast((one, at) => {
          return at < place && list.appends.get(one)?.transaction === from;
        });
        const why = `${one} appended ${inWords(before)} to ${name}, ${other} ${value} after it, ${shown}`;
        return { kind: 'ww', ...ends, why };
      }
      case WR: {
        const why = `${one} appended ${value} to ${name}, and ${other} read it there`;
        return { kind: 'wr', ...ends, why };
      }
      default: {
        const found = show(this.#readOf(from, list.reads, order));
        const what =
          place < order.length
            ? `${value}, which ${other} appended next, ${shown}`
            : `${inWords(this.#unreadOf(to, lists[edge]))}, which ${other} appended and nobody read`;
        return { kind: 'rw', ...ends, why: `${one} read ${name} as ${found}, without ${what}` };
      }
    }
  }

  #readOf(reader: number, reads: readonly number[], order: readonly ListValue[]): ListValue[] {
    const at = reads.findIndex((one, i) => i % 2 === 0 && one === reader);
    return order.slice(0, reads[at + 1]);
  }

  #unreadOf(writer: number, number: number): ListValue | undefined {
    const { appends, inOrder } = this.#history.lists[number];
    for (const [value, { transaction }] of appends) {
      if (transaction === writer && !inOrder.has(value)) return value;
    }
    return undefined;
  }

  #inOneLine(index: number): string {
    const { operations, outcome, call, return: end } = this.#transactions[index];
    const shown = operations.map((one) => {
      const key = inWords(one.key);
      if (one.type === 'append') return `append ${inWords(one.value)} to ${key}`;
      return one.values === undefined ? `read ${key}` : `read ${key} as ${show(one.values)}`;
    });
    const name = this.#history.nameOf(index);
    return `${name} (${outcome}, from ${call} to ${end}): ${shown.join('; ')}`;
  }
}
