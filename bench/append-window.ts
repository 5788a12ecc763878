/** Appends with a fixed number of them under way: each one that ends begins the next. */
import { TangoError } from '../actors/tango-error.ts';
import type { AppendCompletion } from '../runtime/append-operation.ts';
import { trimPrefix } from '../runtime/chain.ts';
import type { LogClient } from '../runtime/log-client.ts';
import type { MailboxLink } from '../runtime/mailbox-link.ts';
import { pause } from '../runtime/procedure.ts';
import { decidedRunEnd } from '../runtime/read.ts';

/** A log that is full waits for its units to reclaim what is trimmed. */
const FULL_PAUSE_MS = 0.1;
/** Appends between two looks at how much there is to trim. */
const LOOK_EVERY = 64;

export interface AppendPlan {
  readonly count: number;
  /** Appends under way at once. */
  readonly window: number;
  readonly payload: Uint8Array;
  /** Append number i belongs to streams[i % streams.length]; to none when there are none. */
  readonly streams?: readonly number[];
  /** Trims what is decided whenever so many positions are not trimmed; never when absent. */
  readonly trimEvery?: number;
}

interface Parts {
  readonly link: MailboxLink;
  readonly client: LogClient;
}

/** Returns once `count` appends are on every replica. Blocks; throws what an append ended with. */
export function appendAll({ link, client }: Parts, plan: AppendPlan): void {
  const appends = new AppendWindow(client, plan);
  do {
    appends.begin();
    link.drive(() => appends.isResting);
    if (appends.error !== undefined) throw appends.error;
  } while (!appends.isOver);
}

/**
 * The position below which everything is decided now, and may be trimmed: whoever still writes
 * holds a position at or above it.
 */
export function decidedEnd(client: LogClient): number {
  const { sequencer } = client.memory;
  return decidedRunEnd(client, sequencer.decidedMark(), sequencer.tail());
}

/** Whether `trimEvery` positions or more wait to be trimmed; all threads count together. */
export function isTrimDue({ memory }: LogClient, trimEvery: number): boolean {
  // With a single chain, addresses are positions.
  return memory.sequencer.tail() - memory.unit(0).slots.watermark() >= trimEvery;
}

/** One completion for all of them: nothing is allocated per append. */
class AppendWindow implements AppendCompletion {
  error: unknown;
  readonly #client: LogClient;
  readonly #plan: AppendPlan;
  readonly #streams: readonly (readonly number[])[];
  readonly #trimEvery: number;
  #begun = 0;
  #ended = 0;
  #trimming = false;
  #beginning = false;
  #full = false;

  constructor(client: LogClient, plan: AppendPlan) {
    this.#client = client;
    this.#plan = plan;
    const { streams = [] } = plan;
    this.#streams = streams.length === 0 ? [[]] : streams.map((stream) => [stream]);
    this.#trimEvery = plan.trimEvery ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing is under way, though there may be more to begin. */
  get isResting(): boolean {
    return this.#ended === this.#begun && !this.#beginning && !this.#trimming && !this.#full;
  }

  get isOver(): boolean {
    return this.isResting && this.#begun === this.#plan.count;
  }

  /** As many as the window has room for. */
  begin(): void {
    // A direct append ends before it returns: the loop goes on, instead of one call within another.
    if (this.#beginning || this.#full) return;
    this.#beginning = true;
    const { count, window } = this.#plan;
    while (this.#begun < Math.min(this.#ended + window, count)) {
      if (this.error !== undefined || this.#full) break;
      this.#next();
    }
    this.#beginning = false;
  }

  appended(): void {
    this.#ended++;
    if (this.#ended % LOOK_EVERY === 0 && isTrimDue(this.#client, this.#trimEvery)) this.#trim();
    this.begin();
  }

  failed(error: unknown): void {
    const isFull = error instanceof TangoError && error.code === 'ERR_LOG_FULL';
    if (isFull && this.#trimEvery !== Number.POSITIVE_INFINITY) return this.#waitForRoom();
    this.#ended++;
    this.error ??= error;
  }

  /** Whoever appends faster than the units reclaim is as fast as they are. */
  #waitForRoom(): void {
    this.#begun--;
    if (this.#full) return;
    this.#full = true;
    this.#trim();
    this.#client.run(pause(FULL_PAUSE_MS), {
      done: () => {
        this.#full = false;
      },
      failed: (error) => {
        this.#full = false;
        this.error ??= error;
      },
    });
  }

  #next(): void {
    const streams = this.#streams[this.#begun % this.#streams.length];
    this.#begun++;
    this.#client.append(this.#plan.payload, streams, false, this);
  }

  #trim(): void {
    if (this.#trimming) return;
    this.#trimming = true;
    this.#client.run(trimPrefix(this.#client, decidedEnd(this.#client)), {
      done: () => {
        this.#trimming = false;
      },
      failed: (error) => {
        this.#trimming = false;
        this.error ??= error;
      },
    });
  }
}
