/**
 * Keeps the log from filling up: takes a checkpoint and trims when enough of its memory is in use, so
 * that a store of bounded state runs for ever in a bounded log.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { LogClient } from '../log-client.ts';
import { type Procedure, pause } from '../procedure.ts';
import type { CheckpointIndex } from './checkpoint-index.ts';
import type { Checkpointer } from './checkpointer.ts';

/** Part of the memory in use at which a checkpoint is taken. */
export const COMPACT_AT = 0.5;
/** This thread looks at the memory when it has appended this part of it. */
const LOOK_PART = 1 / 256;
/** Left for the checkpoint beside what the last one took: state grows. */
const RESERVE = 0.1;
/** Who waits for room looks again after this long. */
const FULL_MS = 1;
export const FULL_MS_MAX = 5000;
/** So long after the log was full, who writes a checkpoint is taken to be busy with something else. */
const STALLED_MS = 200;

export class Compaction {
  readonly #client: LogClient;
  readonly #checkpointer: Checkpointer;
  readonly #trigger: number;
  readonly #bytes: number;
  readonly #slots: number;
  /** What this thread had appended at its last look. */
  #bytesSeen = 0;
  #entriesSeen = 0;
  /** Part of the memory that the last checkpoint takes. */
  #statePart = 0;
  #inUse = 0;
  #isRunning = false;

  /** `trigger`: 0: never. */
  constructor(client: LogClient, checkpointer: Checkpointer, trigger: number) {
    this.#client = client;
    this.#checkpointer = checkpointer;
    this.#trigger = trigger;
    const { memory, map } = client;
    this.#bytes = memory.sizes.logBytes * LOOK_PART;
    this.#slots = memory.unit(map.units()[0]).slots.count * LOOK_PART;
  }

  /** Under way in this thread. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Call after a change: whether run() should be called. Looks at the memory now and then. */
  isDue(): boolean {
    const { appendedBytes, appends } = this.#client.counters;
    const isSoon =
      appendedBytes - this.#bytesSeen < this.#bytes && appends - this.#entriesSeen < this.#slots;
    if (isSoon || this.#trigger === 0 || this.#isRunning) return false;
    this.#bytesSeen = appendedBytes;
    this.#entriesSeen = appends;
    this.#inUse = partInUse(this.#client);
    // Where state fills much of the log: not one checkpoint after the other, nor too late for the next.
    const spaced = Math.max(this.#trigger, this.#statePart + (1 - this.#statePart) / 4);
    return this.#inUse >= Math.min(spaced, this.#tight);
  }

  /** At the last look there was hardly room for a checkpoint: makeRoom() before more is appended. */
  get isTight(): boolean {
    return this.#inUse >= this.#tight + RESERVE / 2;
  }

  /** Above this part of the memory a checkpoint may not fit. */
  get #tight(): number {
    return 1 - RESERVE - 1.25 * this.#statePart;
  }

  /** A checkpoint was played. */
  checkpointed({ sections }: CheckpointIndex): void {
    let bytes = 0;
    for (const section of sections) bytes += section.bytes;
    const { memory, map } = this.#client;
    this.#statePart = Math.min(1, bytes / (memory.sizes.logBytes * map.active.extents.length));
  }

  /** Takes a checkpoint and trims what it replaces, unless another thread is at it. */
  *run(takesOver = false): Procedure<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      yield* this.#checkpointer.compact(takesOver);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Without room for a checkpoint it may still be that another thread's ends. */
  *#tryRun(takesOver: boolean): Procedure<void> {
    try {
      yield* this.run(takesOver);
    } catch (error) {
      if (!(error instanceof TangoError) || error.code !== 'ERR_LOG_FULL') throw error;
    }
  }

  /** The log is full: ends when it may have room. ERR_LOG_FULL when that does not help. */
  *makeRoom(): Procedure<void> {
    const { context, memory } = this.#client;
    const full = new TangoError('ERR_LOG_FULL', 'the log is full of state: nothing can be trimmed');
    if (this.#trigger === 0) throw full;
    const since = context.now();
    const before = memory.sequencer.trimMark();
    for (;;) {
      const waitedMs = context.now() - since;
      yield* this.#tryRun(waitedMs > STALLED_MS);
      // Storage units reclaim what was trimmed on their own time.
      yield* pause(FULL_MS);
      this.#inUse = partInUse(this.#client);
      if (memory.sequencer.trimMark() !== before || !this.isTight) return;
      if (waitedMs <= FULL_MS_MAX) continue;
      // Until the next look changes do not wait in vain.
      this.#inUse = 0;
      throw full;
    }
  }
}

/** Of the fullest storage unit, in [0, 1]: of its slots, or of its bytes. */
function partInUse({ map, memory }: LogClient): number {
  let most = 0;
  for (const unit of map.units()) {
    const { slots, chunks } = memory.unit(unit);
    const used = (slots.writtenLimit() - slots.watermark()) / slots.count;
    most = Math.max(most, used, 1 - chunks.freeCount() / chunks.count);
  }
  return most;
}
