/** Where the objects of one measurement are. Threads open them by their place. */
import type { MessagePort } from 'node:worker_threads';
import type { TangoHandle } from '../../index.ts';
import type { PeerName } from '../stores/peer-packages.ts';
import { OURS } from '../stores/store-places.ts';
import { LmdbObjectsClient } from './lmdb-objects-client.ts';
import type { ObjectClient } from './object-client.ts';
import { OwnerClient } from './owner-client.ts';
import { SqliteObjectsClient } from './sqlite-objects-client.ts';
import { TangoObjectsClient } from './tango-objects-client.ts';

export const OWNER = 'postMessage';

/** Structured-cloneable, with the port transferred. */
export type ObjectPlace =
  | { readonly store: typeof OURS; readonly handle: TangoHandle }
  | { readonly store: PeerName; readonly path: string }
  | { readonly store: typeof OWNER; readonly port: MessagePort };

/** Opens them for the calling thread. */
export async function openObjects(place: ObjectPlace): Promise<ObjectClient> {
  switch (place.store) {
    case OURS:
      return TangoObjectsClient.attach(place.handle);
    case OWNER:
      return new OwnerClient(place.port);
    case 'lmdb':
      return new LmdbObjectsClient(place.path);
    default:
      return new SqliteObjectsClient(place.path);
  }
}
