/**
 * Whether a commit record takes effect (Tango 2.3): iff nothing that it has read was changed between
 * its snapshot and itself, by changes that have taken effect.
 *
 *   snapshot                    commit
 *      ▼                          ▼
 *   ───┬───┬───┬───┬───┬───┬───┬──┬───▶ log      looked at: the entries in [snapshot, commit), and
 *      │ a │   │ b │   │   │ c │  │              the records before it in its own entry
 *
 * It follows from the log alone, so every thread finds the same, whatever it hosts and whoever died:
 * nobody has to be asked, and no decision record is needed (Tango 2.7). Mostly the entries between were
 * just played; for what a thread has skipped it looks at what others have found (verdict-cache.ts), or
 * into the log.
 *
 * Two bounds, told by positions and so the same for all, keep that short: a commit CONFLICT_WINDOW or
 * more above its snapshot aborts, and so does one whose snapshot is below the limit of the last
 * checkpoint record before it, since what is there may be trimmed.
 */
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import type { EntryLoader } from './entry-loader.ts';
import { wholeRecords } from './large-record.ts';
import { ReadSet } from './read-set.ts';
import {
  type Aborted,
  type JudgedEntry,
  NONE_ABORTED,
  NOTHING,
  RecentEntries,
} from './recent-entries.ts';
import { type BatchRecord, type Commit, RecordKind } from './record.ts';

/** Positions between a snapshot and a commit that can succeed. */
export const CONFLICT_WINDOW = 2 ** 16;

/** What a checkpoint record tells of the entries in [limit, covered), which it does not replace. */
export interface KnownVerdicts {
  /** The limit in force at `covered`. */
  readonly limitBefore: Position;
  /** A commit above this record whose snapshot is below `limit` aborts. */
  readonly limit: Position;
  readonly covered: Position;
  /** Position and index of the commits that have aborted, in [limit, covered) and not below limitBefore. */
  readonly aborted: readonly (readonly [Position, number])[];
}

export interface PlacedVerdicts {
  /** Of the checkpoint record. */
  readonly position: Position;
  readonly index: KnownVerdicts;
}

interface Learnt extends KnownVerdicts {
  /** Of the checkpoint record. */
  readonly position: Position;
  readonly abortedIds: ReadonlySet<string>;
}

/** An entry that is being judged. */
interface Case {
  readonly position: Position;
  readonly records: readonly BatchRecord[];
  readonly aborted: Set<number>;
  /** The record that is looked at, what it has read, and how far that was compared. */
  index: number;
  reads: ReadSet | undefined;
  next: Position;
  isTouched: boolean;
}

export class Judge {
  readonly #client: LogClient;
  readonly #loader: EntryLoader;
  readonly #recent = new RecentEntries();
  /** Ascending. */
  #learnt: Learnt[] = [];
  /** The limit in force before the first of #learnt. */
  #limitBefore: Position = 0;

  constructor(client: LogClient, loader: EntryLoader) {
    this.#client = client;
    this.#loader = loader;
  }

  /**
   * For a pass that does not begin at the beginning: the checkpoints that are in the log, newest first.
   * Those that are not, were trimmed, and their limits with what is above them.
   */
  learnAll(checkpoints: readonly PlacedVerdicts[]): void {
    const oldest = checkpoints.at(-1);
    if (oldest !== undefined) {
      this.#limitBefore = Math.max(this.#limitBefore, oldest.index.limitBefore);
    }
    for (const { position, index } of checkpoints) this.#learn(position, index);
  }

  /** The pass plays the checkpoint record at `position`: what is judged from now on is above it. */
  passCheckpoint(position: Position, verdicts: KnownVerdicts): void {
    this.#learn(position, verdicts);
    // No snapshot is below the limit any more, and so nothing that is looked at.
    const isOver = (one: Learnt): boolean => one.position < verdicts.limit;
    for (const one of this.#learnt.filter(isOver)) {
      this.#limitBefore = Math.max(this.#limitBefore, one.limit);
    }
    this.#learnt = this.#learnt.filter((one) => !isOver(one));
  }

  /** Lowest snapshot of a commit at `position` that can succeed, and its lowest part. */
  limitAt(position: Position): Position {
    let limit = this.#limitBefore;
    for (const one of this.#learnt) if (one.position < position) limit = Math.max(limit, one.limit);
    return limit;
  }

  /** The entry at `position` was played. */
  played(position: Position, entry: JudgedEntry): void {
    this.#recent.put(position, entry);
  }

  /** Nothing of objects is at `position`. */
  passed(position: Position): void {
    this.#recent.put(position, NOTHING);
  }

  /** What of the entry is without effect; undefined: something has to be read first, then decide(). */
  tryDecide(position: Position, records: readonly BatchRecord[]): Aborted | undefined {
    let aborted: Set<number> | undefined;
    let isCompared = false;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record.kind === RecordKind.LARGE) return undefined;
      if (record.kind !== RecordKind.COMMIT || record.reads.length === 0) continue;
      const isValid = this.#tryCompare(position, records, index, aborted ?? NONE_ABORTED);
      if (isValid === undefined) return undefined;
      isCompared ||= record.snapshot < position;
      if (!isValid) aborted = (aborted ?? new Set()).add(index);
    }
    if (isCompared) this.#client.memory.verdicts.put(position, told(records, aborted));
    return aborted ?? NONE_ABORTED;
  }

  /**
   * As tryDecide, of records that are whole; reads what it has to. One that is still in parts is without
   * effect (large-record.ts). ERR_TRIMMED: a checkpoint has passed this thread.
   */
  *decide(position: Position, records: readonly BatchRecord[]): Procedure<Aborted> {
    const found = new Map<Position, JudgedEntry>();
    const cases: Case[] = [newCase(position, records)];
    for (let top = cases.at(-1); top !== undefined; top = cases.at(-1)) {
      const depends = yield* this.#proceed(top, found);
      if (depends !== undefined) {
        cases.push(depends);
        continue;
      }
      cases.pop();
      found.set(top.position, { ...top, bytes: 0 });
      this.#client.memory.verdicts.put(top.position, told(top.records, top.aborted));
    }
    return found.get(position)?.aborted ?? NONE_ABORTED;
  }

  /**
   * The records of the entry at `position`, those in parts made whole: except what is without effect, whose
   * parts may be trimmed. ERR_TRIMMED, ERR_CORRUPT.
   */
  *whole(position: Position, records: readonly BatchRecord[]): Procedure<readonly BatchRecord[]> {
    const hasAborted = (index: number): boolean => this.#known(position, index) === false;
    return yield* wholeRecords(this.#loader, records, this.limitAt(position), hasAborted);
  }

  #learn(position: Position, verdicts: KnownVerdicts): void {
    if (this.#learnt.some((one) => one.position === position)) return;
    const abortedIds = new Set(verdicts.aborted.map(([at, index]) => idOf(at, index)));
    this.#learnt.push({ ...verdicts, position, abortedIds });
    this.#learnt.sort((a, b) => a.position - b.position);
  }

  #isBeyond({ snapshot }: Commit, position: Position): boolean {
    return position - snapshot >= CONFLICT_WINDOW || snapshot < this.limitAt(position);
  }

  #tryCompare(
    position: Position,
    records: readonly BatchRecord[],
    index: number,
    aborted: Aborted,
  ): boolean | undefined {
    const commit = records[index] as Commit;
    if (this.#isBeyond(commit, position)) return false;
    if (commit.snapshot === position && index === 0) return true;
    const known = this.#client.memory.verdicts.get(position, index);
    if (known !== undefined) return known;
    const reads = new ReadSet(commit.reads);
    if (isTouched(reads, records, index, aborted)) return false;
    for (let at = commit.snapshot; at < position; at++) {
      const entry = this.#recent.get(at);
      if (entry === undefined) return undefined;
      if (isTouched(reads, entry.records, entry.records.length, entry.aborted)) return false;
    }
    return true;
  }

  /** Goes on with a case up to its end, or to an entry whose own case has to be decided first. */
  *#proceed(one: Case, found: Map<Position, JudgedEntry>): Procedure<Case | undefined> {
    const { position, records, aborted } = one;
    for (; one.index < records.length; one.index++) {
      const record = records[one.index];
      if (record.kind === RecordKind.LARGE) aborted.add(one.index);
      if (record.kind !== RecordKind.COMMIT || record.reads.length === 0) continue;
      if (one.reads === undefined) {
        const known = this.#known(position, one.index);
        const isDecided = known !== undefined || this.#isBeyond(record, position);
        if (known === false || (known === undefined && isDecided)) aborted.add(one.index);
        if (isDecided) continue;
        one.reads = new ReadSet(record.reads);
        one.next = record.snapshot;
        one.isTouched = isTouched(one.reads, records, one.index, aborted);
      }
      for (; !one.isTouched && one.next < position; one.next++) {
        const entry = yield* this.#entryAt(one.next, found);
        if (!('aborted' in entry)) {
          // Only what would be in conflict has to be decided.
          if (!isTouched(one.reads, entry.records, entry.records.length, NONE_ABORTED)) continue;
          return newCase(one.next, entry.records);
        }
        one.isTouched = isTouched(one.reads, entry.records, entry.records.length, entry.aborted);
      }
      if (one.isTouched) aborted.add(one.index);
      one.reads = undefined;
    }
    return undefined;
  }

  /** The entry at `position`, judged if that is known. */
  *#entryAt(
    position: Position,
    found: ReadonlyMap<Position, JudgedEntry>,
  ): Procedure<JudgedEntry | Pick<JudgedEntry, 'records'>> {
    const recent = this.#recent.get(position) ?? found.get(position);
    if (recent !== undefined) return recent;
    const batch = yield* this.#loader.load(position);
    if (typeof batch === 'string') return NOTHING;
    const records = yield* this.whole(position, batch.records);
    const aborted = new Set<number>();
    for (const [index, record] of records.entries()) {
      if (record.kind === RecordKind.LARGE) aborted.add(index);
      if (record.kind !== RecordKind.COMMIT || record.reads.length === 0) continue;
      const isCommitted = this.#known(position, index);
      if (isCommitted === undefined) return { records };
      if (!isCommitted) aborted.add(index);
    }
    return { records, aborted, bytes: batch.bytes };
  }

  #known(position: Position, index: number): boolean | undefined {
    for (const { limit, limitBefore, covered, abortedIds } of this.#learnt) {
      if (position >= Math.max(limit, limitBefore) && position < covered)
        return !abortedIds.has(idOf(position, index));
    }
    return this.#client.memory.verdicts.get(position, index);
  }
}

function newCase(position: Position, records: readonly BatchRecord[]): Case {
  return {
    position,
    records,
    aborted: new Set(),
    index: 0,
    reads: undefined,
    next: 0,
    isTouched: false,
  };
}

function isTouched(
  reads: ReadSet,
  records: readonly BatchRecord[],
  end: number,
  aborted: Aborted,
): boolean {
  for (let i = 0; i < end; i++) {
    if (reads.isTouchedBy(records[i]) && !aborted.has(i)) return true;
  }
  return false;
}

function told(records: readonly BatchRecord[], aborted: Aborted | undefined): boolean[] {
  return records.map((_, index) => !(aborted?.has(index) ?? false));
}

function idOf(position: Position, index: number): string {
  return `${position}:${index}`;
}
