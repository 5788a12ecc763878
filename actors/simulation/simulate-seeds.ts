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
import type { WorldOptions } from './options.ts';
import { World } from './world.ts';

/** Hits by name. */
export type Marks = Readonly<Record<string, number>> | ReadonlyMap<string, number>;

/** A world with the seed of this run; its marks and counts are collected, its trace is printed. */
export type CreateWorld = (options?: Omit<WorldOptions, 'seed'>) => World;

export interface SeedOptions {
  readonly name: string;
  /** The first seed; 1 if not given. */
  readonly from?: number;
  /** How many seeds. */
  readonly count: number;
  /** No further seed is begun after this many milliseconds of real time. */
  readonly budgetMs?: number;
  /** import.meta.url of the test, for the command; the script of this process if not given. */
  readonly file?: string;
  /** Simulates one seed and throws if anything is wrong. */
  readonly run: (seed: number, createWorld: CreateWorld) => Marks | undefined;
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
  for (let seed = from; seed < end && performance.now() < deadline; seed++) {
    runSeed(seed, options, report);
    report.seeds += 1;
  }
  return report;
}

export class SeedFailure extends Error {
  override readonly name = 'SeedFailure';
  readonly seed: number;

  constructor(seed: number, options: SeedOptions, trace: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const lines = [
      `${options.name}: seed ${seed} fails: ${reason}`,
      ...(trace === '' ? [] : ['the last steps, in virtual time:', trace]),
      `repeat: SEED=${seed} node ${script(options.file)}`,
    ];
    super(lines.join('\n'), { cause });
    this.seed = seed;
  }
}

function runSeed(seed: number, options: SeedOptions, report: SeedReport): void {
  const worlds: World[] = [];
  const traceLines = report.single ? { traceLines: TRACE_LINES_OF_ONE } : {};
  const createWorld: CreateWorld = (worldOptions) => {
    const world = new World({ ...traceLines, ...worldOptions, seed });
    worlds.push(world);
    return world;
  };
  try {
    const marks = options.run(seed, createWorld);
    if (marks !== undefined) report.add(marks);
  } catch (error) {
    const trace = worlds.map((world) => world.traceText()).join('\n--- next world\n');
    throw new SeedFailure(seed, options, trace, error);
  }
  for (const world of worlds) {
    report.add(world.marks);
    report.add(faultMarks(world));
  }
}

/** Each kind of fault that happened, as a mark. */
function faultMarks(world: World): Marks {
  const { lost, vanished, overtaken, stalls, kills, killsInStep } = world.counts;
  return {
    'messages lost': lost,
    'messages vanished': vanished,
    'messages overtaken': overtaken,
    'actors stalled': stalls,
    'actors killed': kills,
    'actors killed within a step': killsInStep,
  };
}

function script(file: string | undefined): string {
  const path = file === undefined ? (process.argv[1] ?? '') : fileURLToPath(file);
  return relative(process.cwd(), path);
}
