/** What a transaction has read, asked whether a change touches it. */
import type { ObjectKey } from './object-key.ts';
import {
  type BatchRecord,
  isRelocation,
  type ObjectId,
  type Read,
  RecordKind,
  type Update,
} from './record.ts';

/** Up to here a walk along the reads is faster than looking them up. */
const WALKED_MAX = 8;

export class ReadSet {
  readonly #reads: readonly Read[];
  /** undefined: the whole object was read. */
  #byObject: Map<ObjectId, Set<ObjectKey> | undefined> | undefined;

  constructor(reads: readonly Read[]) {
    this.#reads = reads;
  }

  /**
   * Whether the record changes something that was read: an absent key by its insertion, every key by a
   * change of the whole object, and the whole object by a change of any key.
   */
  isTouchedBy(record: BatchRecord): boolean {
    if (record.kind === RecordKind.UPDATE) return this.#isChangedBy(record);
    if (record.kind !== RecordKind.COMMIT) return false;
    for (const update of record.updates) if (this.#isChangedBy(update)) return true;
    return false;
  }

  #isChangedBy(update: Update): boolean {
    if (isRelocation(update)) return false;
    if (this.#reads.length > WALKED_MAX) return this.#isListed(update);
    for (const { object, key } of this.#reads) {
      if (object !== update.object) continue;
      if (key === undefined || update.keys.length === 0 || update.keys.includes(key)) return true;
    }
    return false;
  }

  #isListed({ object, keys }: Update): boolean {
    this.#byObject ??= listed(this.#reads);
    if (!this.#byObject.has(object)) return false;
    const read = this.#byObject.get(object);
    return read === undefined || keys.length === 0 || keys.some((key) => read.has(key));
  }
}

function listed(reads: readonly Read[]): Map<ObjectId, Set<ObjectKey> | undefined> {
  const byObject = new Map<ObjectId, Set<ObjectKey> | undefined>();
  for (const { object, key } of reads) {
    const known = byObject.get(object);
    if (key === undefined) byObject.set(object, undefined);
    else if (known !== undefined) known.add(key);
    else if (!byObject.has(object)) byObject.set(object, new Set([key]));
  }
  return byObject;
}
