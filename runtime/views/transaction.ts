/**
 * What the body of a transaction has read and changed so far (Tango 2.3). Everything it reads is of one
 * snapshot: the view does not move while a body runs. Its own changes are made in the view when it
 * reads what it has changed, and taken back when it ends.
 */
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';
import { type Commit, type ObjectId, type Read, RecordKind, type Update } from './record.ts';

/** An object, as a transaction sees it. */
export interface Participant {
  readonly id: ObjectId;
  /** From here on changes may be made on trial; returns what takes them all back. */
  begin(): () => void;
  /** Makes a change on trial and returns its result. */
  make(operation: Uint8Array): unknown;
}

interface Changed {
  readonly participant: Participant;
  readonly update: Update;
}

export class Transaction {
  readonly snapshot: Position;
  readonly #reads = new Map<ObjectId, Set<ObjectKey | undefined>>();
  readonly #changes: Changed[] = [];
  readonly #trials = new Map<Participant, () => void>();

  constructor(snapshot: Position) {
    this.snapshot = snapshot;
  }

  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** The body reads `key`, or without one the whole object: its own changes are in the view then. */
  read(participant: Participant, key: ObjectKey | undefined): void {
    const keys = this.#reads.get(participant.id) ?? new Set();
    this.#reads.set(participant.id, keys.add(key));
    this.#try(participant);
  }

  /** The body changes something; nothing is read by that. */
  change(participant: Participant, update: Update): void {
    this.#changes.push({ participant, update });
    if (this.#trials.has(participant)) participant.make(update.operation);
  }

  /** As change, and returns the result, which depends on what is there: it is read as well. */
  changeAndRead(participant: Participant, update: Update): unknown {
    if (update.keys.length === 0) this.read(participant, undefined);
    for (const key of update.keys) this.read(participant, key);
    if (!this.#trials.has(participant)) this.#trials.set(participant, participant.begin());
    this.#changes.push({ participant, update });
    return participant.make(update.operation);
  }

  /** A point to go back to. */
  mark(): number {
    return this.#changes.length;
  }

  /** Forgets the changes since `mark`; what was read stays read. */
  goBack(mark: number): void {
    this.takeBack();
    this.#changes.length = mark;
  }

  /** The view is as it was before the body. */
  takeBack(): void {
    for (const undo of this.#trials.values()) undo();
    this.#trials.clear();
  }

  /** Without reads nothing can be in conflict. */
  commit(): Commit {
    const reads: Read[] = [];
    for (const [object, keys] of this.#reads) {
      // The whole object covers each of its keys.
      const told = keys.has(undefined) ? [undefined] : keys;
      for (const key of told) reads.push({ object, key });
    }
    const updates = this.#changes.map(({ update }) => update);
    return { kind: RecordKind.COMMIT, snapshot: this.snapshot, reads, updates };
  }

  /** Makes all changes of the object in its view, unless they are there. */
  #try(participant: Participant): void {
    if (this.#trials.has(participant)) return;
    const own = this.#changes.filter((one) => one.participant === participant);
    if (own.length === 0) return;
    this.#trials.set(participant, participant.begin());
    for (const { update } of own) participant.make(update.operation);
  }
}
