/** A replica of CORFU-SMR: proposes commands at a steady pace, and executes those of all. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type StreamCursor, type Tango, type TangoHandle } from '../index.ts';
import { serveRounds } from './harness/round-threads.ts';

export interface ReplicaData {
  readonly handle: TangoHandle;
  /** Tells the commands of one replica from another's. */
  readonly seed: number;
  readonly commandBytes: number;
  readonly commandsPerEntry: number;
}

export type ReplicaOrder =
  /** For that long; answered with how many commands a second were executed, those of the last moment, too. */
  | { readonly what: 'replicate'; readonly ms: number; readonly commandsPerSecond: number }
  /** Executes all there is; answered with a digest of the state. */
  | { readonly what: 'catch up' };

const COMMANDS = 1;
const OF_COMMANDS = { streams: [COMMANDS] };
const KEYS = 1000;
/** Entries that are proposed between two looks at what is to be executed. */
const TURN_MAX = 16;
/** Of which the answers are kept. */
const PROPOSALS_MAX = 1000;
const REST_MS = 1;

class Replica {
  readonly #tango: Tango;
  readonly #data: ReplicaData;
  readonly #cursor: StreamCursor;
  readonly #entry: DataView;
  /** Of each key: depends on the order of all commands that have named it. */
  readonly #state = new Int32Array(KEYS);
  #proposed = 0;
  #executed = 0;

  constructor(tango: Tango, data: ReplicaData) {
    this.#tango = tango;
    this.#data = data;
    this.#cursor = tango.log.stream(COMMANDS, tango.log.tailSync());
    this.#entry = new DataView(new ArrayBuffer(data.commandBytes * data.commandsPerEntry));
  }

  run(order: ReplicaOrder): number | Promise<number> {
    if (order.what === 'replicate') return this.#replicate(order.ms, order.commandsPerSecond);
    this.#execute();
    return this.#state.reduce((digest, value) => (Math.imul(digest, 31) + value) | 0, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tango.close();
  }

  async #replicate(ms: number, commandsPerSecond: number): Promise<number> {
    const executedBefore = this.#executed;
    const startMs = performance.now();
    const entriesPerMs = commandsPerSecond / this.#data.commandsPerEntry / 1000;
    let proposed = 0;
    let proposals: Promise<unknown>[] = [];
    for (let elapsedMs = 0; elapsedMs < ms; elapsedMs = performance.now() - startMs) {
      const paced = 1 + Math.floor(elapsedMs * entriesPerMs);
      // Who is late proposes as much as it can, and executes in between.
      const due = Math.min(paced, proposed + TURN_MAX);
      const isBusy = proposed < due;
      for (; proposed < due; proposed++) proposals.push(this.#propose());
      if (this.#execute() > 0 || isBusy) await setImmediate();
      else await setTimeout(REST_MS);
      if (proposals.length < PROPOSALS_MAX) continue;
      await Promise.all(proposals);
      proposals = [];
    }
    await Promise.all(proposals);
    this.#execute();
    return ((this.#executed - executedBefore) * 1000) / (performance.now() - startMs);
  }

  /** Several commands in one entry. */
  #propose(): Promise<number> {
    const { commandBytes, commandsPerEntry, seed } = this.#data;
    for (let i = 0; i < commandsPerEntry; i++) {
      this.#proposed++;
      this.#entry.setInt32(i * commandBytes, (this.#proposed * seed) % KEYS);
      this.#entry.setInt32(i * commandBytes + Int32Array.BYTES_PER_ELEMENT, this.#proposed);
    }
    return this.#tango.log.append(new Uint8Array(this.#entry.buffer), OF_COMMANDS);
  }

  /** Returns how many commands were new. */
  #execute(): number {
    const { commandBytes } = this.#data;
    const before = this.#executed;
    this.#cursor.syncSync();
    this.#cursor.playSync(({ payload }) => {
      const entry = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      for (let at = 0; at < entry.byteLength; at += commandBytes) {
        const key = entry.getInt32(at);
        const value = entry.getInt32(at + Int32Array.BYTES_PER_ELEMENT);
        this.#state[key] = Math.imul(this.#state[key], 31) + value;
        this.#executed++;
      }
    });
    return this.#executed - before;
  }
}

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  const data = workerData as ReplicaData;
  void serveRounds<ReplicaOrder>(
    parentPort,
    async () => new Replica(await attach(data.handle, { link: 'direct' }), data),
  );
}
