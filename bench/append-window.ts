/** Appends with a fixed number of them under way: each one that ends begins the next. */
import type { AppendCompletion } from '../runtime/append-operation.ts';
import { trimPrefix } from '../runtime/chain.ts';
import type { LogClient } from '../runtime/log-client.ts';
import type { MailboxLink } from '../runtime/mailbox-link.ts';
import { decidedRunEnd } from '../runtime/read.ts';

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
  appends.begin();
  link.drive(() => appends.isOver);
  if (appends.error !== undefined) throw appends.error;
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

  constructor(client: LogClient, plan: AppendPlan) {
    this.#client = client;
    this.#plan = plan;
    const { streams = [] } = plan;
    this.#streams = streams.length === 0 ? [[]] : streams.map((stream) => [stream]);
    this.#trimEvery = plan.trimEvery ?? Number.POSITIVE_INFINITY;
  }

  get isOver(): boolean {
    return this.#ended === this.#begun && !this.#trimming;
  }

  begin(): void {
    const { count, window } = this.#plan;
    while (this.#begun < Math.min(window, count)) this.#next();
  }

  appended(): void {
    this.#ended++;
    if (this.#ended % LOOK_EVERY === 0 && isTrimDue(this.#client, this.#trimEvery)) this.#trim();
    if (this.#begun < this.#plan.count && this.error === undefined) this.#next();
  }

  failed(error: unknown): void {
    this.#ended++;
    this.error ??= error;
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
