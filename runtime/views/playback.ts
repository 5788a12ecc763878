/**
 * One pass over the log, in log order, that brings objects up to a position (Tango 2.1, 2.7).
 *
 *   position ──▶ entry of the objects? ──▶ records ──▶ decide commits ──▶ versions, apply
 *
 * Everything that decides a commit is in the log below it, and every record tells what it changes. So
 * versions are kept for every object, hosted here or not, and each playback decides each commit
 * alike, without asking anybody.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { EntryKind } from '../../shared-memory/entry-layout.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { lostError } from '../deadline.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { PlayedEntryPlace } from '../played-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import { isTrimmedThrough, readPosition } from '../read.ts';
import { CONFLICT_WINDOW, ObjectVersions } from './object-versions.ts';
import {
  type Commit,
  decodeBatch,
  isCommit,
  type ObjectId,
  type RecordBatch,
  type Update,
} from './record.ts';

/** Where a change takes effect. */
export interface ApplyContext {
  /** Of the entry. */
  readonly position: Position;
  /** Of the record among those of its entry, from 0. */
  readonly index: number;
}

/** What playback brings up to date: a view. */
export interface Player {
  /** Throws nothing: what goes wrong in an object stays there. */
  apply(operation: Uint8Array, at: ApplyContext): unknown;
}

/** What became of a record: of a commit one result an update. */
export type RecordOutcome =
  | { readonly committed: true; readonly results: readonly unknown[] }
  | { readonly committed: false };

export type BatchListener = (batch: RecordBatch, outcomes: readonly RecordOutcome[]) => void;

/** How long a playback waits before it looks again whether the one before has ended. */
const TURN_PAUSE_MS = 0.05;
/** Looked at before anybody else has a turn. */
const RUN_POSITIONS_MAX = 4096;

type Loaded = 'records' | 'nothing' | 'undecided' | 'again';

export class Playback {
  readonly #client: LogClient;
  readonly #place: PlayedEntryPlace;
  readonly #players = new Map<ObjectId, Player>();
  readonly #versions = new Map<ObjectId, ObjectVersions>();
  readonly #listener: BatchListener | undefined;
  #position: Position = 0;
  #occupied = false;

  /** `listener` is told of every entry that was played. */
  constructor(client: LogClient, listener?: BatchListener) {
    this.#client = client;
    this.#listener = listener;
    this.#place = new PlayedEntryPlace(client.memory.sizes.entryBytesMax);
  }

  /** Every entry below it is played, and none from it on. */
  get position(): Position {
    return this.#position;
  }

  /** From now on `player` is told of the object's changes. */
  host(object: ObjectId, player: Player): void {
    this.#players.set(object, player);
  }

  versionsOf(object: ObjectId): ObjectVersions {
    const known = this.#versions.get(object);
    if (known !== undefined) return known;
    const versions = new ObjectVersions();
    this.#versions.set(object, versions);
    return versions;
  }

  /**
   * Plays every entry below `limit`, which is at most the tail. Waits for writers that have a token,
   * up to `holeFillMs`, then decides. ERR_TRIMMED where a part of the log is missing, ERR_CORRUPT;
   * what was played stays played.
   */
  *playTo(limit: Position): Procedure<void> {
    while (this.#occupied) yield* pause(TURN_PAUSE_MS);
    this.#occupied = true;
    try {
      for (let turns = 1; this.#position < limit; turns++) {
        const position = this.#position;
        const loaded = this.#load(position);
        if (loaded === 'again') this.#client.refreshProjection();
        else if (loaded === 'undecided') yield* readPosition(this.#client, position);
        else this.#advance(loaded);
        if (turns % RUN_POSITIONS_MAX === 0) yield* pause(0);
      }
    } finally {
      this.#occupied = false;
    }
  }

  /** Looks at a position: its records are in #place then. */
  #load(position: Position): Loaded {
    const client = this.#client;
    const { map, memory } = client;
    if (position < memory.sequencer.trimMark()) throw trimmed(position);
    const { chain } = map.extentOf(position);
    if (chain.length === 0) throw lostError(client, position);
    const unit = chain[chain.length - 1];
    const { reader } = memory.unit(unit);
    const address = map.addressOf(position);
    const outcome = memory.locate(unit, address, position);
    if (outcome === SlotOutcome.UNWRITTEN) return 'undecided';
    if (outcome === SlotOutcome.TRIMMED) {
      if (!isTrimmedThrough(client, position)) return 'undecided';
      if (client.isCurrent) throw trimmed(position);
      return 'again';
    }
    const isWritten = outcome === SlotOutcome.WRITTEN;
    const isRecords = isWritten && reader.kind === EntryKind.OBJECTS;
    const isWhole = isRecords
      ? this.#place.load(reader, address, position)
      : !isWritten || reader.confirm(address);
    // AFTER the read: only now it is known that the unit was the last of the chain, and not wiped.
    if (!isWhole || !client.isCurrent) return 'again';
    return isRecords ? 'records' : 'nothing';
  }

  #advance(loaded: Loaded): void {
    const position = this.#position;
    if (loaded === 'records') {
      const batch = decodeBatch(this.#place.payload, position);
      // Out of flight: what objects do may take any time, and nobody's seal should wait for it.
      const outcomes = this.#client.outside(() => this.#take(batch, position));
      this.#position = position + 1;
      this.#listener?.(batch, outcomes);
    } else this.#position = position + 1;
  }

  #take({ records }: RecordBatch, position: Position): RecordOutcome[] {
    return records.map((record, index): RecordOutcome => {
      const at = { position, index };
      if (!isCommit(record)) return { committed: true, results: [this.#apply(record, at)] };
      if (!this.#isValid(record, position)) return { committed: false };
      return { committed: true, results: record.updates.map((one) => this.#apply(one, at)) };
    });
  }

  /** Commit iff nothing that was read has changed since, committed changes only (Tango 2.3). */
  #isValid({ snapshot, reads }: Commit, position: Position): boolean {
    if (reads.length > 0 && position - snapshot >= CONFLICT_WINDOW) return false;
    return reads.every(
      ({ object, key }) => !this.#versions.get(object)?.isChangedSince(key, snapshot),
    );
  }

  #apply({ object, keys, operation }: Update, at: ApplyContext): unknown {
    this.versionsOf(object).changed(keys, at.position);
    return this.#players.get(object)?.apply(operation, at);
  }
}

function trimmed(position: Position): TangoError {
  const text = `a part of the log that objects need was trimmed: position=${position}`;
  return new TangoError('ERR_TRIMMED', text, { position });
}
