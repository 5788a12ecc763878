/**
 * Runs a simulation for many seeds. A failure names the seed, the last steps before it and the
 * command that repeats it; with SEED in the environment only that seed is run.
 *
 *   const report = runSeeds({ name: 'append', count: 2000, file: import.meta.url,
 *     run: (seed, createWorld) => { const world = createWorld({ faults: { killable: [3] } }); … },
 *   });
 *   report.expectMarks(['filler won', 'actors killed']);
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SimulationError, STEPS_MAX, type WorldOptions } from './options.ts';
import { World } from './world.ts';

/** Hits by name. */
export type Marks = Readonly<Record<string, number>> | ReadonlyMap<string, number>;

/** A world with the seed of this run; its marks and counts are collected, its trace is printed. */
export type CreateWorld = (options?: Omit<WorldOptions, 'seed'>) => World;

/** How one seed is run. */
export interface SeedRun {
  readonly name: string;
  /** import.meta.url of the test, for the command; the script of this process if not given. */
  readonly file?: string;
  /** Events after which a world is cut short: no failure, but what follows is not checked. */
  readonly steps?: number;
  /** Lines of the trace that each world keeps. */
  readonly traceLines?: number;
  /** Simulates one seed and throws if anything is wrong. */
  readonly run: (seed: number, createWorld: CreateWorld) => Marks | undefined;
}

export interface SeedOptions extends SeedRun {
  /** The first seed; 1 if not given. */
  readonly from?: number;
  /** How many seeds. */
  readonly count: number;
  /** No further seed is begun after this many milliseconds of real time. */
  readonly budgetMs?: number;
}

/** A seed that did not fail. */
export interface SeedOutcome {
  readonly worlds: readonly World[];
  /** What `run` returned. */
  readonly marks: Marks | undefined;
  /** Events of all worlds. */
  readonly steps: number;
  /** True when `steps` of SeedRun ended it. */
  readonly cutShort: boolean;
}

/** Lines of the trace kept when one seed is repeated. */
const TRACE_LINES_OF_ONE = 400;

export class SeedReport {
  readonly name: string;
  /** Seeds that were run. */
  seeds = 0;
  /** True when SEED chose a single one. */
  readonly single: boolean;
  readonly marks = new Map<string, number>();

  constructor(name: string, single: boolean) {
    this.name = name;
    this.single = single;
  }

  add(marks: Marks): void {
    const entries = marks instanceof Map ? marks.entries() : Object.entries(marks);
    for (const [mark, hits] of entries) this.marks.set(mark, (this.marks.get(mark) ?? 0) + hits);
  }

  /** Throws if one of the marks was never hit. A single repeated seed need not hit them. */
  expectMarks(names: readonly string[]): void {
    if (this.single) return;
    const missing = names.filter((mark) => !this.marks.get(mark));
    if (missing.length === 0) return;
    const list = missing.map((mark) => `'${mark}'`).join(', ');
    throw new Error(`${this.name}: never happened in ${this.seeds} seeds: ${list}`);
  }
}

/** Runs the seeds [from, from + count), or the one in SEED; throws SeedFailure at the first bad. */
export function runSeeds(options: SeedOptions): SeedReport {
  const chosen = process.env.SEED;
  const report = new SeedReport(options.name, chosen !== undefined);
  const from = chosen === undefined ? (options.from ?? 1) : Number(chosen);
  const end = chosen === undefined ? from + options.count : from + 1;
  const deadline = performance.now() + (options.budgetMs ?? Number.POSITIVE_INFINITY);
  const how = report.single ? { traceLines: TRACE_LINES_OF_ONE, ...options } : options;
  for (let seed = from; seed < end && performance.now() < deadline; seed++) {
    const { marks, worlds } = runSeed(seed, how);
    report.seeds += 1;
    if (marks !== undefined) report.add(marks);
    for (const world of worlds) {
      report.add(world.marks);
      report.add(faultsOf(world));
    }
  }
  return report;
}

export class SeedFailure extends Error {
  override readonly name = 'SeedFailure';
  readonly seed: number;
  /** What is wrong. */
  readonly reason: string;
  /** The kept lines of the trace. */
  readonly trace: string;

  constructor(seed: number, options: SeedRun, trace: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const lines = [
      `${options.name}: seed ${seed} fails: ${reason}`,
      ...(trace === '' ? [] : ['the last steps, in virtual time:', trace]),
      `repeat: SEED=${seed} node ${script(options.file)}`,
    ];
    super(lines.join('\n'), { cause });
    this.seed = seed;
    this.reason = reason;
    this.trace = trace;
  }
}

/** Runs one seed, whatever SEED says; throws SeedFailure. */
export function runSeed(seed: number, options: SeedRun): SeedOutcome {
  const { steps = Number.POSITIVE_INFINITY, traceLines } = options;
  const worlds: World[] = [];
  const createWorld: CreateWorld = (given) => {
    const stepsMax = Math.min(steps, given?.stepsMax ?? STEPS_MAX);
    const kept = traceLines === undefined ? {} : { traceLines };
    const world = new World({ ...kept, ...given, stepsMax, seed });
    worlds.push(world);
    return world;
  };
  let marks: Marks | undefined;
  let cutShort = false;
  try {
    marks = options.run(seed, createWorld);
  } catch (error) {
    // The event of this number did not take place: nothing else fails in it.
    cutShort = error instanceof SimulationError && error.step > steps;
    if (!cutShort) throw new SeedFailure(seed, options, traceOf(worlds), error);
  }
  const happened = worlds.reduce((sum, { counts }) => sum + Math.min(counts.steps, steps), 0);
  return { worlds, marks, steps: happened, cutShort };
}

export function traceOf(worlds: readonly World[]): string {
  return worlds.map((world) => world.traceText()).join('\n--- next world\n');
}

/** How often each kind of fault happened. */
export function faultsOf(world: World): Readonly<Record<string, number>> {
  const { lost, duplicated, vanished, overtaken, stalls, kills, killsInStep } = world.counts;
  const { deferred, priorityChanges } = world.counts;
  return {
    'messages lost': lost,
    'messages duplicated': duplicated,
    'messages vanished': vanished,
    'messages overtaken': overtaken,
    'actors stalled': stalls,
    'steps deferred by priority': deferred,
    'priorities changed': priorityChanges,
    'actors killed': kills,
    'actors killed within a step': killsInStep,
  };
}

function script(file: string | undefined): string {
  const path = file === undefined ? (process.argv[1] ?? '') : fileURLToPath(file);
  return relative(process.cwd(), path);
}
