/**
 * The main job: a log, threads that load it, and a verification of everything they were told.
 *
 *   load ──▶ pause ──▶ whole ──▶ catch up ──▶ verify ──▶ trim what was verified ──▶ load …
 *
 * Threads of the log are killed in the middle of the load (faults.ts); nothing is verified before
 * every chain has its replicas again.
 *
 * A round ends when time is over, when the log is nearly full, or on a signal. Nothing is trimmed
 * before it was verified, so that a run of any length verifies every acknowledged entry.
 */
import { setTimeout } from 'node:timers/promises';
import { LogMemory } from '../../actors/log-memory.ts';
import { open, type Tango } from '../../index.ts';
import { latencyOf } from '../harness/measure.ts';
import { humanise } from '../harness/table.ts';
import { Faults } from './faults.ts';
import { Progress, type ProgressStream, RateMeter } from './progress.ts';
import type { RunReport } from './run-report.ts';
import { RunThreads } from './run-threads.ts';
import { checkPlayed, checkReplicas, checkStream, ExpectedEntries, scanLog } from './verify.ts';
import { type Appended, type Played, streamsOfRun, type Workload } from './workload.ts';

export interface RunOptions extends Workload {
  /** Of load; the pauses in which the log is verified do not count. */
  readonly seconds: number;
  readonly units: number;
  readonly replicas: number;
  readonly actorThreads?: number;
  /** Memory of one unit. */
  readonly logBytes: number;
  /** Whether threads of the log are killed in the middle of the load. */
  readonly faults: boolean;
}

/** A round ends when a unit is this full. */
const FULL_ENOUGH = 0.6;
/** How often the main thread looks at the clock and at how full the log is. */
const WATCH_MS = 10;
/** The units have this long to reclaim what was trimmed. */
const RECLAIM_MS_MAX = 5000;

/** Runs until time is over or `stop` is raised; rejects when a check or a thread fails. */
export async function runJob(
  options: RunOptions,
  stream: ProgressStream,
  stop: AbortSignal,
): Promise<RunReport> {
  const { units, replicas, actorThreads, logBytes, entryBytes, threads } = options;
  await using tango = await open({
    storageUnits: units,
    replicas,
    logBytes,
    entryBytesMax: entryBytes,
    attachMax: threads + 1,
    ...(actorThreads === undefined ? {} : { actorThreads }),
  });
  const job = new RunJob(tango, options, stop);
  const progress = new Progress(stream, () => job.describe());
  try {
    return await job.run();
  } finally {
    progress.stop();
    await job.end();
  }
}

class RunJob {
  readonly #tango: Tango;
  readonly #memory: LogMemory;
  readonly #options: RunOptions;
  readonly #stop: AbortSignal;
  readonly #threads: RunThreads;
  readonly #faults: Faults;
  readonly #incarnations = new Map<number, number>();
  readonly #appendRate = new RateMeter();
  readonly #playRate = new RateMeter();
  #phase: 'load' | 'verify' = 'load';
  #rounds = 0;
  #loadMs = 0;
  #roundStartMs = 0;
  /** Everything below it is verified. */
  #verifiedTo = 0;
  #verified = 0;
  #copies = 0;
  /** Entries of the log's own. */
  #own = 0;

  constructor(tango: Tango, options: RunOptions, stop: AbortSignal) {
    this.#tango = tango;
    this.#memory = new LogMemory(tango.handle.buffers);
    this.#options = options;
    this.#stop = stop;
    const { threads, entryBytes, window, sharedStreams } = options;
    const workload: Workload = { threads, entryBytes, window, sharedStreams };
    this.#threads = new RunThreads(tango.handle, workload);
    const loadMs = options.seconds * 1000;
    const silences = () => this.#threads.silences();
    const parts = { tango, memory: this.#memory, loadMs, silences };
    this.#faults = new Faults(parts, options.faults);
  }

  async run(): Promise<RunReport> {
    for (;;) {
      const appended = await this.#loadRound();
      await this.#faults.settled();
      const played = await this.#threads.catchUp();
      this.#phase = 'verify';
      await this.#verify(appended, played);
      this.#rounds++;
      if (this.#isOver()) break;
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
    const seconds = `${(this.#elapsedMs() / 1000).toFixed(1).padStart(5)} s`;
    const full = `log ${Math.round(this.#fullness() * 100)} % full`;
    const verified = `${humanise(this.#verified, '')} verified`;
    const { news } = this.#faults;
    const parts = [seconds, this.#phase.padEnd(6), ...(news === '' ? [] : [news]), ...rates];
    return [...parts, full, verified].join('   ');
  }

  /** Lets the threads load the log until the round is to end. */
  async #loadRound(): Promise<Appended[]> {
    this.#roundStartMs = performance.now();
    const loading = this.#threads.load();
    const all = Promise.all(loading);
    // It may fail while the others are told to pause.
    all.catch(() => {});
    // A thread that is full, or has failed, ends the round of all.
    let ended = false;
    const onEnd = (): void => {
      ended = true;
    };
    for (const one of loading) one.then(onEnd, onEnd);
    while (!ended && !this.#isOver() && this.#fullness() < FULL_ENOUGH) {
      this.#faults.look(this.#elapsedMs());
      await setTimeout(WATCH_MS);
    }
    // Whoever failed is heard by `all`.
    await this.#threads.pause().catch(() => {});
    const appended = await all;
    this.#loadMs = this.#elapsedMs();
    this.#roundStartMs = 0;
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

  #isOver(): boolean {
    return this.#stop.aborted || this.#elapsedMs() >= this.#options.seconds * 1000;
  }

  /** Milliseconds of load. */
  #elapsedMs(): number {
    const round = this.#roundStartMs === 0 ? 0 : performance.now() - this.#roundStartMs;
    return this.#loadMs + round;
  }

  /** Of the fullest unit, by slots or by chunks: from 0 to 1. */
  #fullness(): number {
    const shares = this.#tango.stats().log.units.map((stats) => {
      const { slots } = this.#memory.unit(stats.unit);
      const usedSlots = (stats.writtenLimit - stats.watermark) / slots.count;
      return Math.max(usedSlots, 1 - stats.freeChunks / stats.chunks);
    });
    return Math.max(...shares);
  }

  #report(): RunReport {
    const { appended, played } = this.#threads.counts();
    return {
      stoppedEarly: this.#elapsedMs() < this.#options.seconds * 1000,
      seconds: this.#loadMs / 1000,
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
