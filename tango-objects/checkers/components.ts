/** Strongly connected components (Tarjan 1972), without recursion: histories are long. */
import type { DependencyGraph } from './dependency-graph.ts';

export class Components {
  readonly #graph: DependencyGraph;
  /** 0: not met yet. */
  readonly #met: Int32Array;
  readonly #low: Int32Array;
  readonly #onStack: Uint8Array;
  /** The edge to look at next. */
  readonly #next: Int32Array;
  /** Only edges between nodes of one area count. */
  readonly #area: Int32Array;
  #areas = 0;

  constructor(graph: DependencyGraph) {
    this.#graph = graph;
    this.#met = new Int32Array(graph.nodes);
    this.#low = new Int32Array(graph.nodes);
    this.#onStack = new Uint8Array(graph.nodes);
    this.#next = new Int32Array(graph.nodes);
    this.#area = new Int32Array(graph.nodes);
  }

  /** Those of more than one node among `nodes`, by edges of `mask` between them. */
  find(nodes: readonly number[], mask: number): number[][] {
    const found: number[][] = [];
    const stack: number[] = [];
    const path: number[] = [];
    let count = 0;
    this.#areas++;
    for (const node of nodes) {
      this.#met[node] = 0;
      this.#area[node] = this.#areas;
    }
    const meet = (node: number): void => {
      this.#met[node] = this.#low[node] = ++count;
      this.#onStack[node] = 1;
      this.#next[node] = this.#graph.firstOf[node];
      stack.push(node);
      path.push(node);
    };
    for (const root of nodes) {
      if (this.#met[root] !== 0) continue;
      meet(root);
      while (path.length > 0) {
        const node = path[path.length - 1];
        const unmet = this.#advance(node, mask);
        if (unmet >= 0) {
          meet(unmet);
          continue;
        }
        path.pop();
        const above = path[path.length - 1];
        if (above !== undefined) this.#low[above] = Math.min(this.#low[above], this.#low[node]);
        if (this.#low[node] !== this.#met[node]) continue;
        const component = stack.splice(stack.lastIndexOf(node));
        for (const member of component) this.#onStack[member] = 0;
        if (component.length > 1) found.push(component);
      }
    }
    return found;
  }

  /** The next node from here that has not been met; -1 when there is none left. */
  #advance(node: number, mask: number): number {
    const { firstOf, edgesOf, kinds, to } = this.#graph;
    while (this.#next[node] < firstOf[node + 1]) {
      const edge = edgesOf[this.#next[node]++];
      const target = to[edge];
      if ((kinds[edge] & mask) === 0 || this.#area[target] !== this.#areas) continue;
      if (this.#met[target] === 0) return target;
      if (this.#onStack[target] === 1) {
        this.#low[node] = Math.min(this.#low[node], this.#met[target]);
      }
    }
    return -1;
  }
}
