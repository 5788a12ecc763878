/**
 * Which transaction has to come before which, and why (Adya 1999; Kingsbury and Alvaro 2020).
 *
 *   ww  appended the value before the other's in the order of the list
 *   wr  appended what the other read last
 *   rw  read the list without what the other appended next
 *   realtime  returned before the other was called
 *
 * An append that nobody read comes after every read of its list, where in the order it is. For these a
 * list has a node of its own, or readers and such appends would be joined each with each.
 */
import { eventsInOrder } from './event-order.ts';
import type { ListHistory, ListOfKey } from './list-history.ts';
import type { Transaction } from './strict-serializability.ts';

/** Bits, so that a mask tells which edges a search may take. */
export const WW = 1;
export const WR = 2;
export const RW = 4;
export const REALTIME = 8;
/** From the node of a list's end to one who appended there unread; only RW leads to that node. */
export const UNREAD = 16;

/** `key` in place of a list: there is none. */
const NO_LIST = -1;

export class DependencyGraph {
  readonly transactions: number;
  nodes: number;
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly kinds: number[] = [];
  /** Number of the list that an edge is about. */
  readonly lists: number[] = [];
  /** Where in its order: of ww and rw the later value, of wr the value; at its end for UNREAD. */
  readonly places: number[] = [];
  /** Edges of a node: edgesOf[firstOf[node]] … before firstOf[node + 1]. */
  firstOf = new Int32Array(0);
  edgesOf = new Int32Array(0);

  constructor(history: ListHistory, transactions: readonly Transaction[]) {
    this.transactions = transactions.length;
    this.nodes = transactions.length;
    for (const [number, list] of history.lists.entries()) this.#addList(history, list, number);
    this.#addRealTime(history, transactions);
    this.#index();
  }

  #add(from: number, to: number, kind: number, list: number, place: number): void {
    if (from === to) return;
    this.from.push(from);
    this.to.push(to);
    this.kinds.push(kind);
    this.lists.push(list);
    this.places.push(place);
  }

  #addList(history: ListHistory, list: ListOfKey, number: number): void {
    const { order, reads } = list;
    // -1: whoever appended it did not happen, which has been reported.
    const writers = order.map((value) => {
      const writer = list.appends.get(value)?.transaction ?? -1;
      return writer >= 0 && history.happened[writer] === 1 ? writer : -1;
    });
    const next = new Int32Array(order.length + 1).fill(order.length);
    for (let at = order.length - 1; at >= 0; at--) next[at] = writers[at] >= 0 ? at : next[at + 1];
    for (let at = next[0]; at < order.length; ) {
      const after = next[at + 1];
      if (after < order.length) this.#add(writers[at], writers[after], WW, number, after);
      at = after;
    }
    const endReaders: number[] = [];
    for (let r = 0; r < reads.length; r += 2) {
      const reader = reads[r];
      const length = reads[r + 1];
      let last = length - 1;
      while (last >= 0 && writers[last] < 0) last--;
      if (last >= 0) this.#add(writers[last], reader, WR, number, last);
      if (next[length] < order.length) {
        this.#add(reader, writers[next[length]], RW, number, next[length]);
      }
      if (length === order.length) endReaders.push(reader);
    }
    this.#addUnread(history, list, number, endReaders);
  }

  #addUnread(history: ListHistory, list: ListOfKey, number: number, readers: number[]): void {
    if (list.appends.size === list.inOrder.size || readers.length === 0) return;
    const unread = new Set<number>();
    for (const [value, { transaction }] of list.appends) {
      if (history.happened[transaction] === 1 && !list.inOrder.has(value)) unread.add(transaction);
    }
    if (unread.size === 0) return;
    const end = this.nodes++;
    const place = list.order.length;
    for (const writer of unread) this.#add(end, writer, UNREAD, number, place);
    for (const reader of new Set(readers)) {
      // Through the node of the end it would be joined with itself.
      if (!unread.has(reader)) this.#add(reader, end, RW, number, place);
      else for (const writer of unread) this.#add(reader, writer, RW, number, place);
    }
  }

  /** Only from those that nothing between has followed; the others follow from these. */
  #addRealTime(history: ListHistory, transactions: readonly Transaction[]): void {
    const nodes: number[] = [];
    for (let i = 0; i < transactions.length; i++) if (history.happened[i] === 1) nodes.push(i);
    const intervals = nodes.map((i) => {
      const { call, return: end, outcome } = transactions[i];
      // Whoever gave up waiting does not know when it happened.
      return { call, return: outcome === 'ok' ? end : Infinity };
    });
    const calledAt = new Int32Array(nodes.length);
    const returnedAt = new Int32Array(nodes.length);
    let frontier: number[] = [];
    for (const [at, event] of eventsInOrder(intervals).entries()) {
      const i = event >>> 1;
      if (event % 2 === 0) {
        calledAt[i] = at;
        for (const before of frontier) this.#add(nodes[before], nodes[i], REALTIME, NO_LIST, 0);
      } else {
        returnedAt[i] = at;
        frontier = frontier.filter((before) => returnedAt[before] > calledAt[i]);
        frontier.push(i);
      }
    }
  }

  #index(): void {
    this.firstOf = new Int32Array(this.nodes + 1);
    for (const from of this.from) this.firstOf[from + 1]++;
    for (let node = 0; node < this.nodes; node++) this.firstOf[node + 1] += this.firstOf[node];
    this.edgesOf = new Int32Array(this.from.length);
    const at = this.firstOf.slice();
    for (const [edge, from] of this.from.entries()) this.edgesOf[at[from]++] = edge;
  }
}
