/**
 * What the body of a transaction has read and changed so far (Tango 2.3). Everything it reads is of one
 * snapshot: the view does not move while a body runs. Its own changes are made in the view when it
 * reads what it has changed, and taken back when it ends.
 */
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';
import { type Commit, type ObjectId, type Read, RecordKind, type Update } from './record.ts';
import { added, NO_ELEMENTS } from './short-list.ts';

/** An object, as a transaction sees it. */
export interface Participant {
  readonly id: ObjectId;
  /** From here on changes may be made on trial; returns what takes them all back, and never throws. */
  begin(): () => void;
  /** Makes a change on trial and returns its result. */
  make(update: Update): unknown;
}

interface Changed {
  readonly participant: Participant;
  readonly update: Update;
}

interface Trial {
  readonly participant: Participant;
  readonly undo: () => void;
}

/** Up to here a walk along the reads finds one that is there already faster than a set. */
const WALKED_MAX = 8;

export class Transaction {
  readonly snapshot: Position;
  #reads: Read[] = NO_ELEMENTS;
  /** Of #reads once they are many, by object. */
  #byObject: Map<ObjectId, Set<ObjectKey | undefined>> | undefined;
  #changes: Changed[] = NO_ELEMENTS;
  #trials: Trial[] = NO_ELEMENTS;

  #isLost = false;

  constructor(snapshot: Position) {
    this.snapshot = snapshot;
  }

  /** What the body reads was trimmed: nothing comes of it, whatever it does now. */
  lose(): void {
    this.#isLost = true;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** The body reads `key`, or without one the whole object: its own changes are in the view then. */
  read(participant: Participant, key: ObjectKey | undefined): void {
    const { id: object } = participant;
    if (!this.#isRead(object, key)) this.#reads = added(this.#reads, { object, key });
    if (this.#changes.length > 0) this.#try(participant);
  }

  /** The body changes something; nothing is read by that. */
  change(participant: Participant, update: Update): void {
    const mark = this.mark();
    this.#changes = added(this.#changes, { participant, update });
    if (this.#isTried(participant)) this.#make(participant, update, mark);
  }

  /** As change, and returns the result, which depends on what is there: it is read as well. */
  changeAndRead(participant: Participant, update: Update): unknown {
    if (update.keys.length === 0) this.read(participant, undefined);
    for (const key of update.keys) this.read(participant, key);
    this.#begin(participant);
    const mark = this.mark();
    this.#changes = added(this.#changes, { participant, update });
    return this.#make(participant, update, mark);
  }

  /** A point to go back to. */
  mark(): number {
    return this.#changes.length;
  }

  /** Forgets the changes since `mark`; what was read stays read. */
  goBack(mark: number): void {
    this.takeBack();
    this.#changes = this.#changes.slice(0, mark);
  }

  /** The view is as it was before the body. */
  takeBack(): void {
    const trials = this.#trials;
    this.#trials = NO_ELEMENTS;
    for (const { undo } of trials) undo();
  }

  /** Without reads nothing can be in conflict. */
  commit(): Commit {
    const updates = this.#changes.map(({ update }) => update);
    return { kind: RecordKind.COMMIT, snapshot: this.snapshot, reads: this.#told(), updates };
  }

  /** The whole object covers each of its keys. */
  #told(): readonly Read[] {
    let whole: Set<ObjectId> | undefined;
    for (const { object, key } of this.#reads) {
      if (key === undefined) whole = (whole ?? new Set()).add(object);
    }
    if (whole === undefined) return this.#reads;
    return this.#reads.filter(({ object, key }) => key === undefined || !whole.has(object));
  }

  #isRead(object: ObjectId, key: ObjectKey | undefined): boolean {
    if (this.#reads.length < WALKED_MAX) {
      for (const read of this.#reads) if (read.object === object && read.key === key) return true;
      return false;
    }
    this.#byObject ??= byObject(this.#reads);
    const keys = this.#byObject.get(object);
    if (keys === undefined) this.#byObject.set(object, new Set([key]));
    else if (keys.has(key)) return true;
    else keys.add(key);
    return false;
  }

  /** A change whose trial fails is no part of the transaction: it would fail in every thread. */
  #make(participant: Participant, update: Update, mark: number): unknown {
    try {
      return participant.make(update);
    } catch (error) {
      this.goBack(mark);
      throw error;
    }
  }

  #isTried(participant: Participant): boolean {
    for (const trial of this.#trials) if (trial.participant === participant) return true;
    return false;
  }

  #begin(participant: Participant): void {
    if (this.#isTried(participant)) return;
    this.#trials = added(this.#trials, { participant, undo: participant.begin() });
  }

  /** Makes all changes of the object in its view, unless they are there. */
  #try(participant: Participant): void {
    if (this.#isTried(participant)) return;
    for (const { participant: changed, update } of this.#changes) {
      if (changed !== participant) continue;
      this.#begin(participant);
      participant.make(update);
    }
  }
}

function byObject(reads: readonly Read[]): Map<ObjectId, Set<ObjectKey | undefined>> {
  const all = new Map<ObjectId, Set<ObjectKey | undefined>>();
  for (const { object, key } of reads) {
    const keys = all.get(object);
    if (keys === undefined) all.set(object, new Set([key]));
    else keys.add(key);
  }
  return all;
}
