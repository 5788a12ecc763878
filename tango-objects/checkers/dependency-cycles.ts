/**
 * Cycles of dependencies, each named by the gravest anomaly that its component holds: first those that
 * need no clock, and among them those that need the fewest kinds of edges.
 */
import { Components } from './components.ts';
import { type DependencyGraph, REALTIME, RW, UNREAD, WR, WW } from './dependency-graph.ts';
import type { CycleAnomaly } from './strict-serializability.ts';

export interface Cycle {
  readonly type: CycleAnomaly;
  /** Each leads to where the next starts, and the last to where the first does. */
  readonly edges: readonly number[];
}

/** Edges to look at while a shorter cycle may be found. */
const WORK_MAX = 1_000_000;

export class CycleSearch {
  readonly #graph: DependencyGraph;
  readonly #components: Components;
  /** By which edge a search came to a node. */
  readonly #cameBy: Int32Array;
  /** Which search was at a node last. */
  readonly #visit: Int32Array;
  #visits = 0;
  #work = 0;
  /** A node's place in an order of its component, -1 outside. */
  readonly #rank: Int32Array;

  constructor(graph: DependencyGraph) {
    this.#graph = graph;
    this.#components = new Components(graph);
    this.#cameBy = new Int32Array(graph.nodes);
    this.#visit = new Int32Array(graph.nodes);
    this.#rank = new Int32Array(graph.nodes).fill(-1);
  }

  /** One of each component, of at most `cyclesMax`. */
  run(cyclesMax: number): { readonly components: number; readonly cycles: readonly Cycle[] } {
    const nodes = Array.from({ length: this.#graph.nodes }, (_, node) => node);
    const found = this.#components.find(nodes, WW | WR | RW | UNREAD | REALTIME);
    found.sort((a, b) => a.length - b.length);
    const cycles = found.slice(0, cyclesMax).map((component) => this.#classify(component));
    return { components: found.length, cycles };
  }

  #classify(component: readonly number[]): Cycle {
    for (const time of [0, REALTIME]) {
      const cycle =
        this.#named('G0', time, this.#shortest(component, WW | time)) ??
        this.#named('G1c', time, this.#shortest(component, WW | WR | time)) ??
        this.#named('G-single', time, this.#withOneRw(component, WW | WR | UNREAD | time)) ??
        this.#named('G2-item', time, this.#shortest(component, WW | WR | RW | UNREAD | time));
      if (cycle !== undefined) return cycle;
    }
    throw new Error('a component has a cycle');
  }

  #named(
    type: 'G0' | 'G1c' | 'G-single' | 'G2-item',
    time: number,
    edges: number[] | undefined,
  ): Cycle | undefined {
    if (edges === undefined) return undefined;
    return { type: time === 0 ? type : `${type}-realtime`, edges };
  }

  /** A short cycle of these edges, and the shortest if the component is not large. */
  #shortest(nodes: readonly number[], mask: number): number[] | undefined {
    let shortest: number[] | undefined;
    this.#work = 0;
    for (const component of this.#components.find(nodes, mask)) {
      for (const [i, node] of component.entries()) this.#rank[node] = i;
      for (const node of component) {
        if (shortest !== undefined && (shortest.length === 2 || this.#work > WORK_MAX)) break;
        if (node >= this.#graph.transactions) continue;
        const cycle = this.#path(node, node, mask, component.length);
        if (cycle !== undefined && cycle.length < (shortest?.length ?? Infinity)) shortest = cycle;
      }
      for (const node of component) this.#rank[node] = -1;
    }
    return shortest;
  }

  /** `mask` alone makes no cycle here, so a rw edge that closes one goes backwards in its order. */
  #withOneRw(component: readonly number[], mask: number): number[] | undefined {
    const { firstOf, edgesOf, kinds, to } = this.#graph;
    const order = this.#topologicalOrder(component, mask);
    for (const [i, node] of order.entries()) this.#rank[node] = i;
    let shortest: number[] | undefined;
    this.#work = 0;
    for (const from of order) {
      if (shortest !== undefined && (shortest.length === 2 || this.#work > WORK_MAX)) break;
      for (let i = firstOf[from]; i < firstOf[from + 1]; i++) {
        const edge = edgesOf[i];
        if (kinds[edge] !== RW || this.#rank[to[edge]] < 0) continue;
        if (this.#rank[to[edge]] > this.#rank[from]) continue;
        const back = this.#path(to[edge], from, mask, this.#rank[from] + 1);
        if (back === undefined || back.length + 1 >= (shortest?.length ?? Infinity)) continue;
        shortest = [edge, ...back];
      }
    }
    for (const node of component) this.#rank[node] = -1;
    return shortest;
  }

  /** Breadth first, over nodes whose rank is from 0 to below `ranks`; of at least one edge. */
  #path(start: number, goal: number, mask: number, ranks: number): number[] | undefined {
    const { firstOf, edgesOf, kinds, to, from } = this.#graph;
    const visit = ++this.#visits;
    const queue = [start];
    for (let head = 0; head < queue.length; head++) {
      const node = queue[head];
      for (let i = firstOf[node]; i < firstOf[node + 1]; i++) {
        this.#work++;
        const edge = edgesOf[i];
        const target = to[edge];
        if ((kinds[edge] & mask) === 0 || this.#visit[target] === visit) continue;
        if (this.#rank[target] < 0 || this.#rank[target] >= ranks) continue;
        this.#visit[target] = visit;
        this.#cameBy[target] = edge;
        if (target !== goal) {
          queue.push(target);
          continue;
        }
        const path = [edge];
        while (from[path[0]] !== start) path.unshift(this.#cameBy[from[path[0]]]);
        return path;
      }
    }
    return undefined;
  }

  /** First in, first out, so that neighbours in time stay neighbours (Kahn 1962). */
  #topologicalOrder(nodes: readonly number[], mask: number): number[] {
    const { firstOf, edgesOf, kinds, to } = this.#graph;
    const inside = new Map(nodes.map((node) => [node, 0]));
    const targetsOf = (node: number): number[] => {
      const targets: number[] = [];
      for (let i = firstOf[node]; i < firstOf[node + 1]; i++) {
        const edge = edgesOf[i];
        if ((kinds[edge] & mask) !== 0 && inside.has(to[edge])) targets.push(to[edge]);
      }
      return targets;
    };
    for (const node of nodes) {
      for (const target of targetsOf(node)) inside.set(target, inside.get(target)! + 1);
    }
    const order = nodes.filter((node) => inside.get(node) === 0);
    for (const node of order) {
      for (const target of targetsOf(node)) {
        const left = inside.get(target)! - 1;
        inside.set(target, left);
        if (left === 0) order.push(target);
      }
    }
    return order;
  }
}
