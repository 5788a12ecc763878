/**
 * Puts a change that does not fit an entry into the log: its parts, one after the other. What names them is
 * for the outbox to append; before that they say nothing.
 */
import { EntryKind } from '../../shared-memory/entry-layout.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { cut } from './large-record.ts';
import { encodeBatch, encodeRecord, type Large, type ObjectRecord, RecordKind } from './record.ts';

export interface PartsCompletion {
  /** All parts are in the log; `large` names them. */
  done(large: Large): void;
  /** A part is not in the log, or perhaps is; again() appends it once more. */
  failed(error: unknown, again: () => void): void;
}

export class PartsSender {
  readonly #client: LogClient;
  readonly #record: ObjectRecord;
  readonly #pieces: readonly Uint8Array[];
  readonly #bytes: number;
  readonly #parts: Position[] = [];
  readonly #urgent: boolean;
  readonly #completion: PartsCompletion;
  #isAppending = false;
  #isLooping = false;

  constructor(
    client: LogClient,
    record: ObjectRecord,
    options: { readonly partBytes: number; readonly urgent: boolean },
    completion: PartsCompletion,
  ) {
    const bytes = encodeRecord(record);
    this.#client = client;
    this.#record = record;
    this.#bytes = bytes.length;
    this.#pieces = cut(bytes, options.partBytes);
    this.#urgent = options.urgent;
    this.#completion = completion;
  }

  send(): void {
    // On the direct link an append has ended when it returns: a loop, not a recursion.
    if (this.#isLooping) return;
    this.#isLooping = true;
    for (let before = -1; !this.#isAppending && before < this.#parts.length && !this.#isDone; ) {
      before = this.#parts.length;
      this.#append(this.#pieces[before]);
    }
    this.#isLooping = false;
    if (this.#isDone) this.#completion.done(this.#large());
  }

  get #isDone(): boolean {
    return this.#parts.length === this.#pieces.length;
  }

  #append(bytes: Uint8Array): void {
    const part = encodeBatch(this.#client.incarnation, 0, [{ kind: RecordKind.PART, bytes }]);
    this.#isAppending = true;
    const completion = {
      appended: (position: Position) => {
        this.#isAppending = false;
        this.#parts.push(position);
        this.send();
      },
      failed: (error: unknown) => {
        this.#isAppending = false;
        this.#completion.failed(error, () => this.send());
      },
    };
    this.#client.append(part, [], this.#urgent, completion, EntryKind.OBJECTS);
  }

  #large(): Large {
    const record = this.#record;
    // Without reads it depends on its parts alone, and nobody asks whether it took effect.
    const hasReads = record.kind === RecordKind.COMMIT && record.reads.length > 0;
    const snapshot = hasReads ? record.snapshot : this.#parts[0];
    return { kind: RecordKind.LARGE, snapshot, bytes: this.#bytes, parts: this.#parts };
  }
}
