/**
 * How many keys a second one thread reads from its view.
 *
 *   main thread ── anything new? ──▶ shared memory           nothing: the view is read
 *        └──────── get ────────────▶ its view
 *
 * Once while nobody writes, and once while another thread sets 100,000 keys a second: then what is new
 * is played first. The limit of the first: Map.get in the same order, with two loads before each.
 * Every get is linearizable, of the peers, too; lmdb once more with the snapshot that it keeps for a
 * turn of the event loop, where a get may be stale.
 */
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureCheckedGets } from './harness/limits.ts';
import { measureRate, type Rate, type Rounds, rateResult, spreadOf } from './harness/measure.ts';
import { randomNumbers } from './random-numbers.ts';
import type { KeyStore } from './stores/key-store.ts';
import { LmdbStore } from './stores/lmdb-store.ts';
import { StoreClients } from './stores/store-clients.ts';
import {
  measureEach,
  measurePeers,
  mediansOf,
  notePeers,
  openStore,
  type StorePlace,
} from './stores/store-places.ts';
import { TangoStore } from './stores/tango-store.ts';

/** Gets between two looks at the clock. */
const LOOK_EVERY = 64;

const parameters = {
  logMib: { quick: 32, full: 256 },
  keys: { quick: [1000], full: [1000, 100_000] },
  gets: { quick: 1000, full: 200_000 },
  writesPerSecond: { quick: 100_000, full: 100_000 },
  writesAtOnce: { quick: 100, full: 100 },
  writtenMs: { quick: 20, full: 300 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Gets extends Rounds {
  readonly logBytes: number;
  readonly keys: number;
  readonly order: Int32Array;
}

interface Writes {
  readonly writesPerSecond: number;
  readonly writesAtOnce: number;
  readonly writtenMs: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'object-get',
  title: 'Linearizable reads of a view',
  description: 'get() with nothing new and while another thread writes, beside lmdb and SQLite.',
  parameters,
  async run(values, report) {
    for (const keys of values.keys) {
      const order = randomNumbers(values.gets, keys);
      const gets = { ...values, logBytes: values.logMib * MIB, keys, order };
      const limit = await measureCheckedGets(order, keys, values);
      const ours = await measureView(gets);
      const peers = await measurePeerGets(gets);
      report.add({ ...rateResult('get', 'gets/s', ours, { keys }), limit, peers });
      const written = await measureEach({ logBytes: gets.logBytes }, (place) =>
        measureWritten(place, gets, values),
      );
      const sets = rateResult('set, meanwhile', 'sets/s', written.ours.sets, { keys });
      const read = rateResult('get, while another sets', 'gets/s', written.ours, { keys });
      report.add({ ...read, limit, peers: mediansOf(written.peers) });
      report.add(sets);
    }
    report.note('The limit is Map.get in the same order, with two loads before each.');
    notePeers(report);
  },
};

async function measureView({ logBytes, keys, order, ...rounds }: Gets): Promise<Rate> {
  await using tango = await open({ logBytes, link: 'direct' });
  const store = await TangoStore.of(tango);
  await setAll(store, keys);
  const { map } = store;
  return await measureRate(() => {
    let sum = 0;
    for (let i = 0; i < order.length; i++) sum += map.get(order[i]) ?? 0;
    return checked(sum, order.length);
  }, rounds);
}

async function measurePeerGets({ keys, order, ...rounds }: Gets): Promise<Record<string, number>> {
  const stale: Record<string, Rate> = {};
  const fresh = await measurePeers(async (place) => {
    await using store = await openStore(place);
    await setAll(store, keys);
    if (store instanceof LmdbStore) {
      stale['lmdb, snapshot of a turn'] = await measureRate(() => {
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += store.getOfTurn(order[i]) ?? 0;
        return checked(sum, order.length);
      }, rounds);
    }
    return await measureRate(() => {
      let sum = 0;
      for (let i = 0; i < order.length; i++) sum += store.get(order[i]) ?? 0;
      return checked(sum, order.length);
    }, rounds);
  });
  return mediansOf({ ...fresh, ...stale });
}

/** While a thread writes as `writes` says: what is read, and how much really was written. */
async function measureWritten(
  place: StorePlace,
  { keys, order, warmUp, rounds }: Gets,
  { writesPerSecond: perSecond, writesAtOnce: batch, writtenMs: ms }: Writes,
): Promise<Rate & { readonly sets: Rate }> {
  await using store = await openStore(place);
  await setAll(store, keys);
  await using clients = await StoreClients.start(place, 1);
  const gets: number[] = [];
  const sets: number[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    const writing = clients.ask(() => ({ what: 'write', keys, batch, perSecond, ms }));
    const startMs = performance.now();
    let read = 0;
    let elapsedMs = 0;
    while ((elapsedMs = performance.now() - startMs) < ms) {
      for (let i = 0; i < LOOK_EVERY; i++) store.get(order[read++ % order.length]);
    }
    const written = await writing;
    if (round < warmUp) continue;
    gets.push((read * 1000) / elapsedMs);
    sets.push((written * 1000) / ms);
  }
  const setRate = { ...spreadOf(sets), rounds: sets };
  return { ...spreadOf(gets), rounds: gets, sets: setRate };
}

/** To 1, each. */
async function setAll(store: KeyStore, keys: number): Promise<void> {
  await store.putAll(
    Int32Array.from({ length: keys }, (_, key) => key),
    1,
  );
}

function checked(sum: number, gets: number): number {
  if (sum !== gets) throw new Error(`every value is 1: sum=${sum}, gets=${gets}`);
  return gets;
}
