/**
 * CORFU-Store (CORFU, NSDI 2012, section 4.1) on the log alone: a store of keys with atomic multi-put,
 * multi-get, test-and-multi-put, and snapshots. Values are entries; a commit record names those of one
 * put, and the index, which every client has for itself, is what playing these records gives.
 *
 *   multi-put of k keys:   k appends of values, then one of the commit record: k + 1
 *   multi-get of k keys:   play what is new of the commit records, then k reads
 */
import { decode, encode } from 'msgpackr/pack';
import { open, type Position, type SharedLog } from '../index.ts';

/** The stream of the commit records. */
const COMMITS = 1;

interface CommitRecord {
  /** Where the value of each key is. */
  readonly puts: Record<string, Position>;
  /** Takes effect only if the keys have these values; -1: none. */
  readonly tests: Record<string, Position>;
}

export class CorfuStore {
  readonly #log: SharedLog;
  readonly #until: Position;
  readonly #index = new Map<string, Position>();
  #played: Position = 0;

  /** `until`: as of that position, exclusive; by default the store goes on. */
  constructor(log: SharedLog, until: Position = Number.POSITIVE_INFINITY) {
    this.#log = log;
    this.#until = until;
  }

  /** The place of the value of each key, for a test; -1: the key has none. */
  async versions(keys: readonly string[]): Promise<Record<string, Position>> {
    await this.#play();
    return Object.fromEntries(keys.map((key) => [key, this.#index.get(key) ?? -1]));
  }

  /** All keys as of one moment. */
  async multiGet(keys: readonly string[]): Promise<unknown[]> {
    const versions = await this.versions(keys);
    return Promise.all(keys.map((key) => this.#value(versions[key])));
  }

  /** All keys, or none where a test fails; resolves to the place of the commit record, or undefined. */
  async multiPut(
    values: Record<string, unknown>,
    tests: Record<string, Position> = {},
  ): Promise<Position | undefined> {
    const puts: Record<string, Position> = {};
    const put = async ([key, value]: [string, unknown]): Promise<void> => {
      puts[key] = await this.#log.append(encode(value));
    };
    await Promise.all(Object.entries(values).map(put));
    const record: CommitRecord = { puts, tests };
    const position = await this.#log.append(encode(record), { streams: [COMMITS] });
    await this.#play();
    return this.#committed.has(position) ? position : undefined;
  }

  /** The store as it was at `position`, exclusive. */
  snapshot(position: Position): CorfuStore {
    return new CorfuStore(this.#log, position);
  }

  /** Records that have taken effect: of those that this client waits for. */
  readonly #committed = new Set<Position>();

  async #play(): Promise<void> {
    const to = Math.min(await this.#log.tail(), this.#until);
    const from = this.#played;
    if (to <= from) return;
    for await (const entry of this.#log.entries({ streams: [COMMITS], from, to })) {
      // Two calls may play at once.
      if (entry.position < this.#played) continue;
      this.#played = entry.position + 1;
      const { puts, tests } = decode(entry.payload) as CommitRecord;
      const isPassed = ([key, version]: [string, Position]): boolean =>
        (this.#index.get(key) ?? -1) === version;
      if (!Object.entries(tests).every(isPassed)) continue;
      for (const [key, position] of Object.entries(puts)) this.#index.set(key, position);
      this.#committed.add(entry.position);
    }
    this.#played = Math.max(this.#played, to);
  }

  async #value(position: Position): Promise<unknown> {
    if (position < 0) return undefined;
    const entry = await this.#log.read(position);
    return entry.kind === 'data' ? decode(entry.payload) : undefined;
  }
}

async function main(): Promise<void> {
  await using tango = await open({ compaction: false });
  const ours = new CorfuStore(tango.log);
  const theirs = new CorfuStore(tango.log);

  const first = await ours.multiPut({ x: 1, y: { name: 'why' } });
  console.log(`the other client: ${JSON.stringify(await theirs.multiGet(['x', 'y', 'z']))}`);

  // Both add one to x: the test lets one of them through.
  const seen = await Promise.all([ours, theirs].map((store) => store.versions(['x'])));
  const puts = [ours, theirs].map((store, i) => store.multiPut({ x: 2, by: i }, seen[i]));
  const done = (await Promise.all(puts)).filter((position) => position !== undefined);
  console.log(`${done.length} of 2 puts with the same test took effect`);
  const [x, by] = await ours.multiGet(['x', 'by']);
  console.log(`x=${x}, and both clients agree: ${by === (await theirs.multiGet(['by']))[0]}`);

  const then = ours.snapshot((first ?? 0) + 1);
  console.log(`snapshot after the first put: ${JSON.stringify(await then.multiGet(['x', 'by']))}`);
}

void main();
