/**
 * The kill stress: real client threads on one log. Every few milliseconds a thread is killed and
 * replaced: a client, or one that hosts storage units, the sequencer or the monitor. Histories survive
 * in rings; after each batch of kills they are judged, the whole batch is read, and its prefix
 * trimmed, so that a run may go on for ever.
 *
 *     const report = await killStress({ ...options, seed: 7, cycles: 2000 });
 */
import { Random } from '../../actors/simulation/random.ts';
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import { within } from '../../shared-memory/within.ts';
import type { LinkKind } from '../client-options.ts';
import type { LogEntry, Position } from '../log-entry.ts';
import { open } from '../open.ts';
import type { OpenOptions } from '../open-options.ts';
import type { FinalState, LoggedOperation } from '../simulation/log-checker.ts';
import type { Tango } from '../tango.ts';
import { type PlannedKill, planKill, VICTIM_KINDS, type VictimKind } from './kill-plan.ts';
import { firstValue, STREAMS, valueIn } from './stress-entry.ts';
import { checkBatch, FAILURES, loggedOperation, trimOf } from './stress-history.ts';
import { type SeatRecord, StressSeat } from './stress-seat.ts';
import { checkCursors, scannedPositions } from './stress-streams.ts';

/** Ends one actor thread; settles AFTER its exit was awaited. Replacing it is the log's business. */
export type Killer = (choice: number, tango: Tango) => Promise<void>;

export interface StressClock {
  /** Nanoseconds since `zeroSeconds` of the monotonic clock that all threads share. */
  readonly now: () => number;
  readonly zeroSeconds: number;
  readonly rest: (ms: number) => Promise<void>;
}

export interface KillStressOptions {
  readonly seed: number;
  readonly cycles: number;
  /** Kills in a batch. */
  readonly checkEvery: number;
  readonly clients: number;
  /** Operations of a client at once. */
  readonly lanes: number;
  /** How clients reach the log, in turn. */
  readonly links: readonly LinkKind[];
  /** No further kills after this long, whatever is still planned. */
  readonly runMs: number;
  readonly log: OpenOptions;
  /** Switches the kinds of victims other than clients on. */
  readonly killers?: Readonly<Partial<Record<Exclude<VictimKind, 'client'>, Killer>>>;
  readonly clock: StressClock;
  /** Told what a batch was like. */
  readonly print?: (line: string) => void;
}

export interface KillStressReport {
  readonly kills: Readonly<Record<VictimKind, number>>;
  /** Operations that clients had under way when they were killed, by kind; 'idle', 'starting'. */
  readonly killedDuring: Readonly<Record<string, number>>;
  readonly batches: number;
  readonly operations: number;
  readonly acknowledged: number;
  /** Appends of unknown outcome that turned out to be in the log. */
  readonly landed: number;
  /** Operations of living clients that ended with an error, by its code. */
  readonly failures: Readonly<Record<string, number>>;
}

/** An operation that is open for longer hangs. */
const HANG_MS = 2000;
const LOOK_MS = 100;
/** A driver that was held up for this long judges nobody: the others may have been, too. */
const HELD_UP_MS = 500;
/** Reads at once when a batch is looked at. */
const READS = 256;

/** Runs one seed; throws at the first thing wrong, with the seed. Nothing is left behind. */
export async function killStress(options: KillStressOptions): Promise<KillStressReport> {
  const tango = await open(options.log);
  const stress = new KillStress(tango, options);
  const run = stress.run();
  try {
    return await Promise.race([run, stress.watch()]);
  } catch (error) {
    // A thread that died by itself is the reason of whatever else went wrong.
    const cause = stress.death ?? error;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`kill stress with SEED=${options.seed}: ${text}`, { cause });
  } finally {
    await stress.end();
    await tango.close();
    // One that was watched failing ends soon, with nobody left to ask; then nothing is left behind.
    await run.catch(() => {});
  }
}

class KillStress {
  readonly #options: KillStressOptions;
  readonly #tango: Tango;
  readonly #seats: StressSeat[];
  readonly #kinds: readonly VictimKind[];
  readonly #kills: Record<VictimKind, number> = { client: 0, units: 0, sequencer: 0, monitor: 0 };
  readonly #killedDuring: Record<string, number> = {};
  readonly #failures: Record<string, number> = {};
  #batches = 0;
  #operations = 0;
  #acknowledged = 0;
  #landed = 0;
  #spawned = 0;
  #base: Position = 0;
  /** The trim with which the batch began. */
  #trim: LoggedOperation | undefined;
  /** Of a thread that nobody had killed. */
  death: Error | undefined;
  #ended = false;

  constructor(tango: Tango, options: KillStressOptions) {
    const { clients, killers = {} } = options;
    this.#tango = tango;
    this.#options = options;
    const names = Array.from({ length: clients }, (_, i) => `client ${i}`);
    this.#seats = names.map((name) => {
      return new StressSeat(name, (error) => {
        this.death ??= error;
      });
    });
    this.#kinds = VICTIM_KINDS.filter((kind) => kind === 'client' || killers[kind] !== undefined);
  }

  async run(): Promise<KillStressReport> {
    const { seed, cycles, checkEvery, runMs, clock } = this.#options;
    const plan = new Random(seed).fork('plan');
    for (const seat of this.#seats) this.#spawn(seat);
    await Promise.all(this.#seats.map((seat) => seat.working()));
    const end = clock.now() + runMs * 1e6;
    let killed = 0;
    while (killed < cycles && clock.now() < end) {
      await this.#kill(planKill(plan, this.#kinds));
      if (++killed % checkEvery === 0) await this.#endBatch();
    }
    if (killed % checkEvery !== 0) await this.#endBatch();
    if (this.death !== undefined) throw this.death;
    if (killed < cycles / 2) throw new Error(`too few kills: killed=${killed}, planned=${cycles}`);
    return {
      kills: this.#kills,
      killedDuring: this.#killedDuring,
      batches: this.#batches,
      operations: this.#operations,
      acknowledged: this.#acknowledged,
      landed: this.#landed,
      failures: this.#failures,
    };
  }

  /** Throws when an operation hangs or a thread dies by itself; settles in no other way. */
  async watch(): Promise<never> {
    const { clock } = this.#options;
    let lookedAt = clock.now();
    while (!this.#ended) {
      await clock.rest(LOOK_MS);
      const now = clock.now();
      const heldUp = now - lookedAt > HELD_UP_MS * 1e6;
      lookedAt = now;
      if (this.death !== undefined) throw this.death;
      // Rings are emptied between kills too, for clients that outpace them.
      for (const seat of this.#seats) seat.collect();
      if (!heldUp) this.#checkHangs(now);
    }
    return new Promise(() => {});
  }

  /** Ends every thread; the log is still open. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#seats.map((seat) => seat.end()));
  }

  #checkHangs(now: number): void {
    for (const seat of this.#seats) {
      const hangs = seat.open().some(({ call }) => now - call > HANG_MS * 1e6);
      if (!hangs) continue;
      const lines = this.#seats.map((one) => one.describe(now));
      const { log, busy, attached } = this.#tango.stats();
      const { tail, decidedMark, epoch } = log;
      lines.push(`driver: busy=${busy}, attached=${attached}, spawned=${this.#spawned}`);
      lines.push(`log: base=${this.#base}, tail=${tail}, decided=${decidedMark}, epoch=${epoch}`);
      const what = `an operation of ${seat.name} is open for more than ${HANG_MS} ms`;
      throw new Error(`${what}\n${lines.join('\n')}`);
    }
  }

  #spawn(seat: StressSeat): void {
    const { seed, lanes, links, clock } = this.#options;
    if (this.#ended) throw new Error('the run has ended');
    const client = ++this.#spawned;
    seat.spawn(client, {
      handle: this.#tango.handle,
      link: links[client % links.length],
      seed: seed + client,
      value: firstValue(client),
      base: this.#base,
      lanes,
      zeroSeconds: clock.zeroSeconds,
    });
  }

  async #kill({ kind, choice, loadMs, early }: PlannedKill): Promise<void> {
    const { clock, killers } = this.#options;
    if (kind === 'client') {
      const seat = this.#seats[choice % this.#seats.length];
      if (!early) await seat.working();
      await clock.rest(loadMs);
      for (const what of await seat.kill()) count(this.#killedDuring, what);
      this.#spawn(seat);
    } else {
      await clock.rest(loadMs);
      await killers?.[kind]?.(choice, this.#tango);
    }
    this.#kills[kind]++;
  }

  /** Judges everything since the last batch, and forgets it. */
  async #endBatch(): Promise<void> {
    const { clock, print } = this.#options;
    await Promise.all(this.#seats.map((seat) => seat.pause()));
    const records = this.#seats.flatMap((seat) => seat.take());
    const entries = await this.#scan();
    await this.#checkStreams(entries);
    const history = this.#historyOf(records);
    const wrong = checkBatch(history, entries.map(finalState));
    wrong.push(...checkCursors(records, entries, STREAMS));
    if (wrong.length > 0)
      throw new Error(`${wrong.length} wrong:\n${wrong.slice(0, 10).join('\n')}`);
    const acknowledged = history.filter(isAcknowledged).length;
    this.#batches++;
    if (acknowledged === 0) throw new Error(`batch ${this.#batches} has no acknowledged append`);
    this.#acknowledged += acknowledged;
    const data = entries.filter((entry) => entry.kind === 'data').length;
    this.#landed += data - acknowledged;
    this.#operations += records.length;
    const junk = entries.length - data;
    print?.(
      `  batch ${this.#batches}: ${records.length} records, ${acknowledged} acknowledged, ${junk} junk`,
    );
    const called = clock.now();
    await this.#tango.log.trimPrefix(this.#base + entries.length);
    this.#trim = trimOf(called, clock.now());
    this.#base += entries.length;
    for (const seat of this.#seats) seat.resume(this.#base);
  }

  /** What every position from the base to the tail holds; decides those that are open. */
  async #scan(): Promise<LogEntry[]> {
    const { log } = this.#tango;
    const tail = await log.tail();
    const entries: LogEntry[] = [];
    for (let from = this.#base; from < tail; from += READS) {
      const length = Math.min(READS, tail - from);
      const reads = Array.from({ length }, (_, i) => log.read(from + i));
      entries.push(...(await within(HANG_MS, `reading from ${from}`, Promise.all(reads))));
    }
    return entries;
  }

  /** A reader that begins now is given what a scan of the batch finds. */
  async #checkStreams(entries: readonly LogEntry[]): Promise<void> {
    for (const stream of STREAMS) {
      const cursor = this.#tango.log.stream(stream, this.#base);
      const played: Position[] = [];
      await within(HANG_MS, `the sync of stream ${stream}`, cursor.sync());
      cursor.playSync(({ position }) => played.push(position));
      const scanned = scannedPositions(entries, stream);
      const missing = scanned.find((position, i) => played[i] !== position);
      if (missing === undefined && played.length === scanned.length) continue;
      const counts = `played=${played.length}, scanned=${scanned.length}`;
      const first = missing ?? played[scanned.length];
      throw new Error(`stream ${stream} is not what a scan finds: ${counts}, first=${first}`);
    }
  }

  #historyOf(records: readonly SeatRecord[]): LoggedOperation[] {
    const history: LoggedOperation[] = this.#trim === undefined ? [] : [this.#trim];
    for (const { client, record } of records) {
      const { state, outcome } = record;
      if (state === RecordState.FAIL || state === RecordState.UNKNOWN) {
        count(this.#failures, FAILURES[outcome]);
      }
      const operation = loggedOperation(record, client, this.#base);
      if (operation !== undefined) history.push(operation);
    }
    return history;
  }
}

function isAcknowledged({ kind, outcome }: LoggedOperation): boolean {
  return kind === 'append' && outcome === 'ok';
}

function finalState(entry: LogEntry): FinalState {
  return entry.kind === 'data' ? { value: String(valueIn(entry.payload)) } : entry.kind;
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
