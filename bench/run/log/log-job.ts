/**
 * A log, threads that append to it and play it, and a verification of everything they were told.
 *
 *   load ──▶ pause ──▶ whole ──▶ catch up ──▶ verify ──▶ trim what was verified ──▶ load …
 *
 * Threads of the log are killed in the middle of the load (faults.ts); nothing is verified before
 * every chain has its replicas again.
 *
 * A round ends when time is over, when the log is nearly full, or on a signal. Nothing is trimmed
 * before it was verified, so that a run of any length verifies every acknowledged entry.
 */
import { extname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LogMemory } from '../../../actors/log-memory.ts';
import type { Tango } from '../../../index.ts';
import { latencyOf } from '../../harness/measure.ts';
import { humanise } from '../../harness/table.ts';
import { Faults } from '../faults.ts';
import { LoadTime } from '../load-time.ts';
import { Progress, type ProgressStream, RateMeter } from '../progress.ts';
import { fullnessOf, openRunLog, type RunLogOptions } from '../run-log.ts';
import { RunThreads } from '../run-threads.ts';
import {
  type Appended,
  COUNTER_NAMES,
  type LogLoadControl,
  type LogWorkload,
  type Played,
  streamsOfRun,
} from './log-load.ts';
import type { LogReport } from './log-report.ts';
import { checkPlayed, checkReplicas, checkStream, ExpectedEntries, scanLog } from './verify.ts';

export type LogRunOptions = RunLogOptions & LogWorkload;

/** Named once: right in source and in dist. */
const ENTRY = new URL(`./log-load-worker${extname(import.meta.url)}`, import.meta.url);
/** A round ends when a unit is this full. */
const FULL_ENOUGH = 0.6;
/** The units have this long to reclaim what was trimmed. */
const RECLAIM_MS_MAX = 5000;

/** Runs until time is over or `stop` is raised; rejects when a check or a thread fails. */
export async function runLogJob(
  options: LogRunOptions,
  stream: ProgressStream,
  stop: AbortSignal,
): Promise<LogReport> {
  await using tango = await openRunLog(options, options.entryBytes);
  const job = new LogJob(tango, options, stop);
  const progress = new Progress(stream, () => job.describe());
  try {
    return await job.run();
  } finally {
    progress.stop();
    await job.end();
  }
}

class LogJob {
  readonly #tango: Tango;
  readonly #memory: LogMemory;
  readonly #options: LogRunOptions;
  readonly #time: LoadTime;
  readonly #threads: RunThreads<LogLoadControl, LogWorkload, typeof COUNTER_NAMES>;
  readonly #faults: Faults;
  readonly #incarnations = new Map<number, number>();
  readonly #appendRate = new RateMeter();
  readonly #playRate = new RateMeter();
  #phase: 'load' | 'verify' = 'load';
  #rounds = 0;
  /** Everything below it is verified. */
  #verifiedTo = 0;
  #verified = 0;
  #copies = 0;
  /** Entries of the log's own. */
  #own = 0;

  constructor(tango: Tango, options: LogRunOptions, stop: AbortSignal) {
    this.#tango = tango;
    this.#memory = new LogMemory(tango.handle.buffers);
    this.#options = options;
    this.#time = new LoadTime(options.seconds, stop);
    const { threads, entryBytes, window, sharedStreams } = options;
    const workload: LogWorkload = { threads, entryBytes, window, sharedStreams };
    const names = COUNTER_NAMES;
    this.#threads = new RunThreads({ entry: ENTRY, tango: tango.handle, threads, workload, names });
    const loadMs = this.#time.wholeMs;
    const silences = () => this.#threads.silences();
    const parts = { tango, memory: this.#memory, loadMs, silences };
    this.#faults = new Faults(parts, options.faults);
  }

  async run(): Promise<LogReport> {
    await this.#threads.ready();
    for (;;) {
      const appended = await this.#loadRound();
      await this.#faults.settled();
      const played = await Promise.all(this.#threads.askAll((control) => control.catchUp()));
      this.#phase = 'verify';
      await this.#verify(appended, played);
      this.#rounds++;
      if (this.#time.isOver) break;
      await this.#trim();
      this.#phase = 'load';
    }
    await this.#threads.leave();
    return this.#report();
  }

  /** No thread is left, whatever happened. */
  async end(): Promise<void> {
    await this.#threads.terminate();
  }

  describe(): string {
    const { appended, played } = this.#threads.counts();
    const rates = [
      `${humanise(this.#appendRate.perSecond(appended), 'appends/s').padStart(9)} appends`,
      `${humanise(this.#playRate.perSecond(played), 'reads/s').padStart(9)} reads`,
    ];
    const seconds = `${(this.#time.elapsedMs / 1000).toFixed(1).padStart(5)} s`;
    const full = `log ${Math.round(fullnessOf(this.#tango, this.#memory) * 100)} % full`;
    const verified = `${humanise(this.#verified, '')} verified`;
    const { news } = this.#faults;
    const parts = [seconds, this.#phase.padEnd(6), ...(news === '' ? [] : [news]), ...rates];
    return [...parts, full, verified].join('   ');
  }

  /** Lets the threads load the log until the round is to end. */
  async #loadRound(): Promise<Appended[]> {
    this.#time.begin();
    const loading = this.#threads.askAll((control) => control.load());
    const all = Promise.all(loading);
    // It may fail while the others are told to pause.
    all.catch(() => {});
    // A thread that is full, or has failed, ends the round of all.
    let ended = false;
    const onEnd = (): void => {
      ended = true;
    };
    for (const one of loading) one.then(onEnd, onEnd);
    await this.#time.watch(() => {
      this.#faults.look(this.#time.elapsedMs);
      return ended || fullnessOf(this.#tango, this.#memory) >= FULL_ENOUGH;
    });
    // Whoever failed is heard by `all`.
    await this.#threads.pause().catch(() => {});
    const appended = await all;
    this.#time.end();
    return appended;
  }

  /** Checks the round: [verifiedTo, tail). */
  async #verify(appended: readonly Appended[], played: readonly Played[][]): Promise<void> {
    const { log } = this.#tango;
    const from = this.#verifiedTo;
    const to = log.tailSync();
    const expected = new ExpectedEntries(this.#options, from, to);
    for (const [thread, one] of appended.entries()) expected.add(thread, one);
    const streams = await scanLog(log, expected, this.#incarnations);
    const { copies, own } = await checkReplicas(this.#memory, log.projection(), expected);
    this.#copies += copies;
    this.#own += own;
    for (const stream of streamsOfRun(this.#options)) {
      await checkStream(log, stream, from, streams.get(stream) ?? []);
    }
    for (const [thread, streamsPlayed] of played.entries()) {
      for (const one of streamsPlayed) checkPlayed(one, streams.get(one.stream) ?? [], thread);
    }
    this.#verified += expected.count;
    this.#verifiedTo = to;
  }

  /** Makes room for the next round; only what was verified goes. */
  async #trim(): Promise<void> {
    await this.#tango.log.trimPrefix(this.#verifiedTo);
    const deadline = performance.now() + RECLAIM_MS_MAX;
    while (!this.#isReclaimed()) {
      if (performance.now() > deadline) {
        throw new Error(`the units reclaim what is trimmed within ${RECLAIM_MS_MAX} ms`);
      }
      await setTimeout(1);
    }
  }

  #isReclaimed(): boolean {
    return this.#tango.stats().log.units.every(({ unit, watermark }) => {
      const { slots } = this.#memory.unit(unit);
      return slots.addressLimit() - slots.count >= watermark;
    });
  }

  #report(): LogReport {
    const { appended, played } = this.#threads.counts();
    return {
      stoppedEarly: this.#time.stoppedEarly,
      seconds: this.#time.elapsedMs / 1000,
      rounds: this.#rounds,
      appended,
      played,
      entryBytes: this.#options.entryBytes,
      latency: latencyOf(this.#threads.latency()),
      verified: this.#verified,
      copies: this.#copies,
      own: this.#own,
      replicas: this.#options.replicas,
      streams: streamsOfRun(this.#options).length,
      positions: this.#verifiedTo,
      faults: this.#faults.inflicted,
      spared: this.#faults.spared,
    };
  }
}
