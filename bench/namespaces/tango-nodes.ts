/** Namespaces of tangolog, on the direct link: one for each thread, and two between which nodes are moved. */
import { attach, type Tango, type TangoHandle, type TangoNamespace } from '../../index.ts';
import { callFor } from '../harness/timed-calls.ts';
import {
  CHILDREN,
  childOf,
  DATA_BYTES,
  NODES,
  type NodeCalls,
  type NodeClient,
  nodeOf,
  now,
  WATCHED,
} from './node-client.ts';

type Namespace = TangoNamespace<Uint8Array>;

const DATA = new Uint8Array(DATA_BYTES).fill(1);
const AT_ONCE = 64;

export class TangoNodes implements NodeClient {
  readonly blocking: NodeCalls;
  readonly awaited: NodeCalls;
  readonly #tango: Tango;
  readonly #namespace: Namespace;
  readonly #sides: readonly Namespace[];
  readonly #moved: string;
  #side = 0;
  #events: ReturnType<Namespace['watch']> | undefined;

  private constructor(tango: Tango, thread: number, [namespace, ...sides]: readonly Namespace[]) {
    this.#tango = tango;
    this.#namespace = namespace;
    this.#sides = sides;
    this.#moved = `/moved-${thread}`;
    const reads = {
      get: (number) => namespace.get(nodeOf(number)),
      exists: (number) => namespace.exists(nodeOf(number)),
      children: () => namespace.children('/parent'),
    } satisfies NodeCalls;
    const two = (number: number) => [
      { set: nodeOf(number), data: DATA },
      { set: nodeOf(number + 1), data: DATA },
    ];
    this.blocking = {
      ...reads,
      create: (number) => namespace.createSync(childOf('/created', number), DATA),
      set: (number) => namespace.setSync(nodeOf(number), DATA),
      'multi of 2': (number) => namespace.multiSync(two(number)),
      move: () => this.#from().moveSync(this.#moved, this.#to()),
    };
    this.awaited = {
      ...reads,
      create: (number) => namespace.create(childOf('/created', number), DATA),
      set: (number) => namespace.set(nodeOf(number), DATA),
      'multi of 2': (number) => namespace.multi(two(number)),
      move: () => this.#from().move(this.#moved, this.#to()),
    };
  }

  static async attach(handle: TangoHandle, thread: number): Promise<TangoNodes> {
    const tango = await attach(handle, { link: 'direct' });
    const names = [`of thread ${thread}`, 'left', 'right'];
    const open = (name: string): Promise<Namespace> => tango.namespace(name);
    return new TangoNodes(tango, thread, await Promise.all(names.map(open)));
  }

  async prepare(): Promise<void> {
    const namespace = this.#namespace;
    const paths = ['/created', '/parent', WATCHED];
    for (let number = 0; number < NODES; number++) paths.push(nodeOf(number));
    for (let number = 0; number < CHILDREN; number++) paths.push(childOf('/parent', number));
    for (const path of paths) await namespace.create(path, DATA);
    await this.#sides[this.#side].create(this.#moved, DATA);
  }

  async clear(created: number): Promise<void> {
    const plan = { ms: Number.POSITIVE_INFINITY, window: AT_ONCE, callsMax: created };
    await callFor(plan, (number) => this.#namespace.delete(childOf('/created', number)));
  }

  async setWatched(): Promise<void> {
    await this.#namespace.set(WATCHED, DATA);
  }

  async watched(): Promise<{ changed: Promise<number> }> {
    this.#events ??= this.#namespace.watch(WATCHED);
    return { changed: this.#events.next().then(now) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events?.return?.();
    await this.#tango.close();
  }

  #from(): Namespace {
    return this.#sides[this.#side];
  }

  /** To and fro. */
  #to(): Namespace {
    this.#side = 1 - this.#side;
    return this.#sides[this.#side];
  }
}
