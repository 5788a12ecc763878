/**
 * The deaths of a run: a third into the load the sequencer's thread is killed, at two thirds that of
 * a storage unit. Neither the load threads nor anybody else is warned.
 *
 *   kill ──▶ gap in service ──▶ next epoch, appends again ──▶ every chain has its replicas again
 */
import { setTimeout } from 'node:timers/promises';
import { homeIndexOf, type UnitId, unitActor } from '../../actors/actor-ids.ts';
import type { LogMemory } from '../../actors/log-memory.ts';
import { NO_SEQUENCER, type Projection, ProjectionMap } from '../../actors/projection.ts';
import type { Tango } from '../../index.ts';
import { latestProjection, untilWhole } from '../whole-log.ts';
import { commonSilences, processMs, SILENCE_MS_MIN, type SilencesTold } from './silences.ts';

/** Once the load has ended, the log has this long to be whole again. */
const WHOLE_MS_MAX = 10_000;
const LOOK_MS = 20;
/** How long the gap is shown beside the progress. */
const NEWS_MS = 2000;

/** A death, and what became of it. */
export interface Fault {
  readonly killed: string;
  /** Milliseconds of load before it. */
  readonly atMs: number;
  /**
   * The longest time without any acknowledged append around it; 0: less than SILENCE_MS_MIN, NaN:
   * no append came after it.
   */
  readonly gapMs: number;
  /** From the death until the log was whole again. */
  readonly wholeMs: number;
  readonly before: Projection;
  readonly after: Projection;
  /** What died with it, and what became of the units: a sentence. */
  readonly fate: string;
}

export function describeGap(gapMs: number): string {
  if (Number.isNaN(gapMs)) return 'unknown, no append after it';
  return gapMs === 0 ? `below ${SILENCE_MS_MIN} ms` : `${gapMs.toFixed(1)} ms`;
}

export interface FaultsOptions {
  readonly tango: Tango;
  readonly memory: LogMemory;
  /** Milliseconds of load. */
  readonly loadMs: number;
  /** What each load thread knows of its silences. */
  readonly silences: () => Promise<readonly SilencesTold[]>;
}

type Victim = 'sequencer' | 'storage unit';

export class Faults {
  readonly inflicted: Fault[] = [];
  readonly #options: FaultsOptions;
  readonly #due: { readonly victim: Victim; readonly atMs: number }[];
  #underWay: Promise<void> | undefined;
  /** When the load has ended, by the clock of the process. */
  #loadEndMs = Number.POSITIVE_INFINITY;
  #news = '';
  #newsMs = 0;

  constructor(options: FaultsOptions, enabled: boolean) {
    this.#options = options;
    const { loadMs } = options;
    const all = [
      { victim: 'sequencer', atMs: loadMs / 3 },
      { victim: 'storage unit', atMs: (2 * loadMs) / 3 },
    ] as const;
    this.#due = enabled ? [...all] : [];
  }

  /** A death whose gap is not measured yet, or after which the log is not whole. */
  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Victims whose turn did not come. */
  get spared(): readonly string[] {
    return this.#due.map(({ victim }) => victim);
  }

  /** What has happened in the last seconds, for the line of progress. */
  get news(): string {
    return processMs() - this.#newsMs < NEWS_MS ? this.#news : '';
  }

  /** Begins what is due after `elapsedMs` of load; one after the other. */
  look(elapsedMs: number): void {
    this.#loadEndMs = Number.POSITIVE_INFINITY;
    const [next] = this.#due;
    if (this.#underWay !== undefined || next === undefined || elapsedMs < next.atMs) return;
    this.#due.shift();
    this.#underWay = this.#inflict(next.victim, elapsedMs).then(() => {
      this.#underWay = undefined;
    });
    // It is heard by whoever awaits settled().
    this.#underWay.catch(() => {});
  }

  /** No append is under way any more: resolves once the log is whole, rejects if that takes long. */
  async settled(): Promise<void> {
    this.#loadEndMs = processMs();
    await this.#underWay;
  }

  async #inflict(victim: Victim, atMs: number): Promise<void> {
    const { tango, memory } = this.#options;
    const before = latestProjection(memory);
    const unit = unitOf(before);
    const killed = victim === 'sequencer' ? 'sequencer' : `unit ${unit}`;
    const home = homeOf(memory, victim === 'sequencer' ? before.sequencer : unitActor(unit));
    const units = new ProjectionMap(before).units();
    const guests = units.filter((one) => homeOf(memory, unitActor(one)) === home);
    const withSequencer = homeOf(memory, before.sequencer) === home;
    const killMs = processMs();
    this.#tell(`${killed} killed`);
    await tango.kill(victim === 'sequencer' ? 'sequencer' : unit);
    const answer = await this.#untilAnswered(before.epoch);
    const fate = fateOf(memory, { victim, unit, guests, withSequencer }, answer);
    const gapMs = await this.#measureGap(killMs);
    this.#tell(`${killed} killed, gap ${describeGap(gapMs)}`);
    await untilWhole(memory, () => this.#isLate());
    const wholeMs = processMs() - killMs;
    const after = latestProjection(memory);
    this.inflicted.push({ killed, atMs, gapMs, wholeMs, before, after, fate });
  }

  /** The first projection without the dead thread. */
  async #untilAnswered(epoch: number): Promise<Projection> {
    for (;;) {
      const projection = latestProjection(this.#options.memory);
      if (projection.epoch > epoch) return projection;
      if (this.#isLate()) throw new Error(`no projection follows that of epoch ${epoch} in time`);
      await setTimeout(1);
    }
  }

  async #measureGap(killMs: number): Promise<number> {
    const answeredMs = processMs();
    for (;;) {
      await setTimeout(LOOK_MS);
      const told = await this.#options.silences();
      const latestMs = Math.max(...told.map(({ lastMs }) => lastMs).filter((ms) => ms > 0));
      if (latestMs < answeredMs + LOOK_MS && this.#loadEndMs === Number.POSITIVE_INFINITY) continue;
      if (!(latestMs > answeredMs)) return Number.NaN;
      return commonSilences(told)
        .filter(({ toMs }) => toMs > killMs)
        .reduce((longest, { fromMs, toMs }) => Math.max(longest, toMs - fromMs), 0);
    }
  }

  #isLate(): boolean {
    return processMs() > this.#loadEndMs + WHOLE_MS_MAX;
  }

  #tell(news: string): void {
    this.#news = news;
    this.#newsMs = processMs();
  }
}

/** The tail of the chain that is written. */
function unitOf({ ranges }: Projection): UnitId {
  const [{ chain }] = ranges[ranges.length - 1].extents;
  return chain[chain.length - 1];
}

function homeOf(memory: LogMemory, actor: number): number {
  return actor === NO_SEQUENCER ? -1 : memory.homes.home(homeIndexOf(actor));
}

interface Dead {
  readonly victim: Victim;
  readonly unit: UnitId;
  /** Units on the thread. */
  readonly guests: readonly UnitId[];
  readonly withSequencer: boolean;
}

/** As the projection that answered the death has it. */
function fateOf(memory: LogMemory, dead: Dead, answer: Projection): string {
  const { victim, unit, guests, withSequencer } = dead;
  const map = new ProjectionMap(answer);
  const others = guests.filter((guest) => victim === 'sequencer' || guest !== unit);
  const withIt = withSequencer && victim !== 'sequencer' ? ['the sequencer'] : [];
  if (others.length > 0) withIt.push(nameUnits(others));
  const parts = [withIt.length > 0 ? `died with ${withIt.join(' and ')}` : 'alone on its thread'];
  if (withSequencer) parts.push(`the next sequencer began on ${nameOf(memory, answer.sequencer)}`);
  const kept = guests.filter((guest) => map.has(guest));
  for (const home of new Set(kept.map((guest) => nameOf(memory, unitActor(guest))))) {
    const there = kept.filter((guest) => nameOf(memory, unitActor(guest)) === home);
    parts.push(`memory of ${nameUnits(there)} kept, on ${home}`);
  }
  const left = guests.filter((guest) => !map.has(guest));
  if (left.length > 0) parts.push(`${nameUnits(left)} replaced by a spare`);
  return parts.join('; ');
}

function nameUnits(units: readonly UnitId[]): string {
  return `${units.length === 1 ? 'unit' : 'units'} ${units.join(', ')}`;
}

function nameOf(memory: LogMemory, actor: number): string {
  const thread = homeOf(memory, actor);
  const isLast = thread === memory.sizes.actorThreads - 1;
  return isLast ? "the housekeeper's thread" : `actor thread ${thread}`;
}
