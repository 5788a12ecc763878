/**
 * Where the stores of one measurement are: a log in memory, and files of the peers in memory, too.
 * Threads open them by their place.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenOptions, open, type TangoHandle } from '../../index.ts';
import type { Report } from '../harness/experiment.ts';
import type { Rate } from '../harness/measure.ts';
import type { KeyStore } from './key-store.ts';
import { LmdbStore } from './lmdb-store.ts';
import { installedPeers, PEERS, type PeerName } from './peer-packages.ts';
import { SqliteStore } from './sqlite-store.ts';
import { TangoStore } from './tango-store.ts';

export const OURS = 'tangolog';

/** Structured-cloneable. */
export type StorePlace =
  | { readonly store: typeof OURS; readonly handle: TangoHandle }
  | { readonly store: PeerName; readonly path: string };

/** Files there are never written to a disk. */
const MEMORY_FOLDER = '/dev/shm';

/** Opens it for the calling thread. */
export async function openStore(place: StorePlace): Promise<KeyStore> {
  if (place.store === OURS) return TangoStore.attach(place.handle);
  return place.store === 'lmdb' ? new LmdbStore(place.path) : new SqliteStore(place.path);
}

export interface Beside<R> {
  readonly ours: R;
  /** By name, of the peers that are installed. */
  readonly peers: Readonly<Record<string, R>>;
}

/** Measures with an empty log, and with an empty file of each peer that is installed, in turn. */
export async function measureEach<R>(
  options: OpenOptions,
  measure: (place: StorePlace) => Promise<R>,
): Promise<Beside<R>> {
  return { ours: await measureOurs(options, measure), peers: await measurePeers(measure) };
}

async function measureOurs<R>(
  options: OpenOptions,
  measure: (place: StorePlace) => Promise<R>,
): Promise<R> {
  await using tango = await open({ ...options, link: 'direct' });
  return await measure({ store: OURS, handle: tango.handle });
}

export async function measurePeers<R>(
  measure: (place: StorePlace) => Promise<R>,
): Promise<Record<string, R>> {
  const measured: Record<string, R> = {};
  for (const store of installedPeers()) {
    await inMemoryFolder(async (folder) => {
      measured[store] = await measure({ store, path: join(folder, 'pairs') });
    });
  }
  return measured;
}

/** As a result tells them. */
export function mediansOf(peers: Readonly<Record<string, Rate>>): Record<string, number> {
  return Object.fromEntries(Object.entries(peers).map(([name, { median }]) => [name, median]));
}

export function memoryFolder(): string {
  return existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
}

async function inMemoryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(memoryFolder(), 'tangolog-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the reader of the figures has to know about the peers. */
export function notePeers(report: Report): void {
  const installed = installedPeers();
  const missing = PEERS.filter((name) => !installed.includes(name));
  if (missing.length > 0) {
    report.note(`Not beside ${missing.join(' and ')}; npm ci --prefix bench/peers installs them.`);
  }
  if (installed.length === 0) return;
  report.note(
    'The log is two replicas in memory, which survive threads and not the process. ' +
      'The peers sync nothing, and their files are in memory: they survive the process, not the machine.',
  );
}
