/**
 * The packages that stand beside tangolog. They are no dependency of it: they have a folder of their
 * own, bench/peers, and are measured where they were installed there.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PEERS = ['lmdb', 'better-sqlite3'] as const;
export type PeerName = (typeof PEERS)[number];

const PACKAGE = join('bench', 'peers', 'package.json');
const HERE = fileURLToPath(import.meta.url);

/** The package's module; undefined where it is not installed. Throws if it is and cannot be loaded. */
export function loadPeer(name: string): unknown {
  const path = packagePath();
  return path !== undefined && isInstalled(path, name) ? createRequire(path)(name) : undefined;
}

export function installedPeers(): readonly PeerName[] {
  const path = packagePath();
  return path === undefined ? [] : PEERS.filter((name) => isInstalled(path, name));
}

export function isPeerInstalled(name: string): boolean {
  const path = packagePath();
  return path !== undefined && isInstalled(path, name);
}

/** bench/peers; undefined where this was installed as a package. */
export function peersFolder(): string | undefined {
  const path = packagePath();
  return path === undefined ? undefined : dirname(path);
}

function isInstalled(path: string, name: string): boolean {
  return existsSync(join(dirname(path), 'node_modules', name, 'package.json'));
}

/** In the closest folder above that has it: the compiled file is one folder further down. */
function packagePath(): string | undefined {
  for (let folder = dirname(HERE); ; folder = dirname(folder)) {
    const path = join(folder, PACKAGE);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
}
