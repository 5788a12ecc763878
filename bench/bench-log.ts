/**
 * A log for experiments, and a second client of it on the calling thread whose parts are open to
 * view: completions without a promise, single requests, turns by hand.
 *
 *   calling thread ── tango.log ─────────▶ ┐
 *        └──────────── link · client ────▶ ┴ actor thread
 */

import { LogMemory } from '../actors/log-memory.ts';
import { Attachment } from '../actors/registrar.ts';
import { trimPrefix } from '../runtime/chain.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import type { LogClient } from '../runtime/log-client.ts';
import { MailboxLink } from '../runtime/mailbox-link.ts';
import { open, type TangoHandle } from '../runtime/open.ts';
import type { OpenOptions } from '../runtime/open-options.ts';
import type { Tango } from '../runtime/tango.ts';
import { entryFootprint } from '../shared-memory/entry-layout.ts';
import { Flight } from '../shared-memory/flight.ts';
import { appendAll } from './append-window.ts';

const DRAIN_MS_MAX = 5000;
export const MIB = 2 ** 20;
/** Bytes of a storage unit between two trims: what a log that is trimmed behind keeps. */
const TRIM_BYTES = 4 * MIB;
/** In a small log, this part of what it holds. */
const TRIMS_PER_LOG = 8;
/** A log is filled this far by an experiment that reads: the rest is headroom and leased chunks. */
const FILLED_SHARE = 0.75;

/** A client of the log that keeps nothing from the experiment. */
export interface BenchLink extends AsyncDisposable {
  readonly link: MailboxLink;
  readonly client: LogClient;
}

export interface BenchLog extends BenchLink {
  readonly tango: Tango;
}

/** Opens a log; dispose of it before the next one. */
export async function openBenchLog(options: OpenOptions): Promise<BenchLog> {
  const tango = await open(options);
  try {
    const bench = await attachBenchLink(tango.handle);
    return {
      tango,
      link: bench.link,
      client: bench.client,
      async [Symbol.asyncDispose]() {
        await bench[Symbol.asyncDispose]();
        await tango.close();
      },
    };
  } catch (error) {
    await tango.close();
    throw error;
  }
}

/** Attaches the calling thread as `attach` does, with the parts in the caller's hands. */
export async function attachBenchLink(
  handle: TangoHandle,
  kind: LinkKind = handle.link,
): Promise<BenchLink> {
  const attachment = await Attachment.register(handle.registrar, () => {});
  const { thread, incarnation } = attachment.registration;
  const memory = new LogMemory(handle.buffers);
  const { times } = handle;
  const flight = new Flight(memory.threads, thread);
  const link = new MailboxLink({ memory, kind, flight, thread, incarnation, times });
  return {
    link,
    client: link.client,
    async [Symbol.asyncDispose]() {
      await link.drained(DRAIN_MS_MAX);
      link.leave();
      await attachment.leave();
    },
  };
}

/** Entries of that size that the whole log holds. */
export function entriesMax({ memory }: LogClient, payloadBytes: number, streams = 0): number {
  const { slots, chunks } = memory.unit(0);
  const footprint = entryFootprint(payloadBytes, streams, memory.sizes.backpointers);
  const perChunk = Math.floor(chunks.chunkBytes / footprint);
  return Math.min(slots.count, perChunk * chunks.count);
}

/** Appends after which an experiment that runs for ever trims what is decided. */
export function entriesPerTrim(client: LogClient, payloadBytes: number): number {
  const footprint = entryFootprint(payloadBytes, 0, client.memory.sizes.backpointers);
  const most = entriesMax(client, payloadBytes) / TRIMS_PER_LOG;
  return Math.max(1, Math.floor(Math.min(most, TRIM_BYTES / footprint)));
}

/** Trims all there is, written or not. Blocks. */
export function trimEverything({ client, link }: BenchLink): void {
  link.runSync(trimPrefix(client, client.memory.sequencer.tail()));
}

/**
 * Fills an empty log to three quarters with entries of `payloadBytes`, at most `limit`, and returns
 * how many there are. Positions 0 … n - 1 are complete, entries of the log's own among them. Entry
 * number i belongs to `streams[i % streams.length]`, to none when there are none. Blocks.
 */
export function fillLog(
  bench: BenchLink,
  payloadBytes: number,
  limit = Number.POSITIVE_INFINITY,
  streams: readonly number[] = [],
): number {
  const most = entriesMax(bench.client, payloadBytes, Math.min(1, streams.length));
  const count = Math.floor(Math.min(limit, most * FILLED_SHARE));
  const payload = new Uint8Array(payloadBytes).fill(1);
  appendAll(bench, { count, window: 256, payload, streams });
  return count;
}
