/** The log of a run, whatever it is loaded with: its options, and how full it is. */
import type { LogMemory } from '../../actors/log-memory.ts';
import { open, type Tango } from '../../index.ts';

export interface RunLogOptions {
  readonly link: 'mailbox' | 'direct';
  readonly threads: number;
  /** Of load; the pauses in which the log is verified do not count. */
  readonly seconds: number;
  readonly units: number;
  readonly replicas: number;
  readonly actorThreads?: number;
  /** Memory of one unit. */
  readonly logBytes: number;
  /** Whether threads are killed in the middle of the load. */
  readonly faults: boolean;
}

export function openRunLog(options: RunLogOptions, entryBytesMax: number): Promise<Tango> {
  const { units, replicas, actorThreads, logBytes, threads, link } = options;
  return open({
    link,
    storageUnits: units,
    replicas,
    logBytes,
    entryBytesMax,
    // The main thread, and one that begins while another's exit is not heard of yet.
    attachMax: threads + 2,
    ...(actorThreads === undefined ? {} : { actorThreads }),
  });
}

/** Of the fullest unit, by slots or by chunks: from 0 to 1. */
export function fullnessOf(tango: Tango, memory: LogMemory): number {
  const shares = tango.stats().log.units.map((stats) => {
    const { slots } = memory.unit(stats.unit);
    const usedSlots = (stats.writtenLimit - stats.watermark) / slots.count;
    return Math.max(usedSlots, 1 - stats.freeChunks / stats.chunks);
  });
  return Math.max(...shares);
}
