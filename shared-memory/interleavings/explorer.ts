/**
 * Runs a program of threads in all its interleavings, or in many.
 *
 *   explore    every interleaving, with kills at every point; or those with few preemptions
 *   sample     random executions: uniform, or by priorities that change a few times (PCT)
 *
 * Interleavings that lead to the same state are followed once: a state is the memory and what each
 * thread has seen. A violation is thrown with its schedule; PROGRAM= and SCHEDULE= repeat it.
 */
import { Act, type Choice, type Limits, Machine, type Program, type Undo } from './machine.ts';
import { RaceDetector } from './race-detector.ts';
import { formatSchedule, parseSchedule } from './schedule.ts';
import { mayWrite, nameOf, watch } from './watched-memory.ts';

export interface ExploreOptions {
  readonly kills?: number;
  readonly deadlines?: Limits['deadlines'];
  /** Switches away from a thread that could go on; no limit if absent. */
  readonly preemptionsMax?: number;
  /** Races are violations, unless this is false. */
  readonly races?: boolean;
  /** More states than this are an error: the program is too large to be enumerated. */
  readonly statesMax?: number;
}

export interface SampleOptions extends Omit<ExploreOptions, 'preemptionsMax' | 'statesMax'> {
  readonly seed: number;
  readonly executions: number;
  /** Changes of priority in an execution; absent: uniform. */
  readonly priorityChanges?: number;
}

export interface Report {
  readonly states: number;
  /** Executions that the states stand for; a float when there are many. */
  readonly executions: number;
  readonly replays: number;
}

/** What a program did wrong, and when. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly schedule: string;

  constructor(what: string, program: string, schedule: string, trace: string) {
    const again = `PROGRAM='${program}' SCHEDULE='${schedule}'`;
    super(`${what}\n${trace}\nschedule: ${schedule}\nagain with: ${again} node <this test>`);
    this.schedule = schedule;
  }
}

const STATES_MAX = 1_500_000;
/** Before the first execution has told how long one is. */
const STEPS_USUAL = 60;
const NOTHING: Report = { states: 0, executions: 0, replays: 0 };

/** Every interleaving of the program that `setup` builds; throws the first Violation. */
export function explore(name: string, setup: () => Program, options: ExploreOptions = {}): Report {
  return watch(() => {
    const machine = new Machine(setup(), limitsOf(options));
    if (isRepeated(name, machine, options)) return NOTHING;
    const search = new Search(name, machine, options);
    const executions = search.from(-1, 0);
    const report = { states: search.states, executions, replays: machine.replays };
    const many = executions < 1e6 ? `${executions}` : executions.toExponential(1);
    console.log(
      `  ${name}: ${report.states} states, ${many} executions, ${report.replays} replays`,
    );
    return report;
  });
}

/** Random executions; each is also looked at by the race detector with vector clocks. */
export function sample(name: string, setup: () => Program, options: SampleOptions): Report {
  return watch(() => {
    const machine = new Machine(setup(), limitsOf(options));
    if (isRepeated(name, machine, options)) return NOTHING;
    const random = randomFrom(options.seed);
    let states = 0;
    let length = STEPS_USUAL;
    for (let run = 0; run < options.executions; run++) {
      const choose =
        options.priorityChanges === undefined
          ? (choices: readonly Choice[]) => choices[random(choices.length)]
          : priorities(random, machine.threads.length, options.priorityChanges, length);
      length = runOnce(name, machine, options, choose);
      states += length;
    }
    console.log(`  ${name}: ${options.executions} random executions, seed ${options.seed}`);
    return { states, executions: options.executions, replays: machine.replays };
  });
}

/** Runs what is broken on purpose; throws unless a Violation is found that says `what`. */
export function assertFinds(what: RegExp, run: () => Report): void {
  try {
    // Another program is repeated: nothing was run.
    if (run() === NOTHING) return;
  } catch (error) {
    if (error instanceof Violation && what.test(error.message)) return;
    throw error;
  }
  throw new Error(`the explorer finds what is broken on purpose: ${what}`);
}

function limitsOf(options: ExploreOptions): Limits {
  return { kills: options.kills ?? 0, deadlines: options.deadlines ?? 'when stuck' };
}

/** Depth first, each state once. */
class Search {
  readonly #name: string;
  readonly #machine: Machine;
  readonly #options: ExploreOptions;
  /** Executions from each state on. */
  readonly #seen = new Map<string, number>();
  readonly #path: Choice[] = [];
  readonly #bounded: boolean;

  constructor(name: string, machine: Machine, options: ExploreOptions) {
    this.#name = name;
    this.#machine = machine;
    this.#options = options;
    this.#bounded = options.preemptionsMax !== undefined;
  }

  get states(): number {
    return this.#seen.size;
  }

  from(last: number, preemptions: number): number {
    const machine = this.#machine;
    const key = this.#bounded ? `${machine.key()}/${last}/${preemptions}` : machine.key();
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    const most = this.#options.statesMax ?? STATES_MAX;
    if (this.#seen.size >= most) throw new Error(`${this.#name}: more than ${most} states`);
    const choices = machine.choices();
    this.#check(choices.length === 0);
    let executions = choices.length === 0 ? 1 : 0;
    for (const choice of choices) {
      const preempts = choice.thread !== last && last >= 0 && machine.canStep(last);
      const now = preemptions + (preempts && choice.act === Act.STEP ? 1 : 0);
      if (now > (this.#options.preemptionsMax ?? Number.POSITIVE_INFINITY)) continue;
      this.#path.push(choice);
      const undo = machine.apply(choice);
      executions += this.from(choice.act === Act.STEP ? choice.thread : last, now);
      machine.revert(undo);
      this.#path.pop();
    }
    this.#seen.set(key, executions);
    return executions;
  }

  #check(atEnd: boolean): void {
    try {
      this.#machine.check(atEnd);
      if (this.#options.races !== false) this.#machine.checkRaces();
    } catch (error) {
      // The states on the path are left as they are: the violation ends the search.
      throw violation(this.#name, this.#machine, this.#path, error);
    }
  }
}

function violation(
  name: string,
  machine: Machine,
  path: readonly Choice[],
  error: unknown,
): Violation {
  const what = error instanceof Error ? error.message : String(error);
  const names = machine.threads.map((thread) => thread.name);
  return new Violation(what, name, formatSchedule(path, names), traceOf(machine, path));
}

/** The accesses in their order. Accesses of a thread are the way to where it stands now. */
function traceOf(machine: Machine, path: readonly Choice[]): string {
  const lines = machine.threads.map(({ node }) => {
    const past: string[] = [];
    for (let at = node; at.parent !== undefined; at = at.parent) {
      const { kind, at: address = -1, operand } = at.parent.pending ?? { kind: 'settle' };
      const given = operand === undefined ? '' : ` ${String(operand)}`;
      past.push(`${kind}${given} at ${nameOf(address)}: ${String(at.result)}`);
    }
    return past.reverse();
  });
  const steps = machine.threads.map(() => 0);
  const trace = path.map(({ thread, act }) => {
    const { name } = machine.threads[thread];
    if (act === Act.KILL) return `  ${name} is killed`;
    return `  ${name}: ${lines[thread][steps[thread]++]}`;
  });
  return trace.join('\n');
}

/** One execution; takes it back afterwards. Returns its steps. */
function runOnce(
  name: string,
  machine: Machine,
  options: ExploreOptions,
  choose: (choices: readonly Choice[]) => Choice | undefined,
): number {
  const detector = new RaceDetector(machine.threads.length);
  const path: Choice[] = [];
  const undos: Undo[] = [];
  try {
    for (;;) {
      const choices = machine.choices();
      machine.check(choices.length === 0);
      const choice = choices.length === 0 ? undefined : choose(choices);
      if (choice === undefined) break;
      path.push(choice);
      const undo = machine.apply(choice);
      undos.push(undo);
      const race = raceOf(machine, detector, choice, undo);
      if (race !== undefined && options.races !== false) throw new Error(race);
    }
  } catch (error) {
    throw violation(name, machine, path, error);
  }
  for (const undo of undos.reverse()) machine.revert(undo);
  return path.length;
}

/** Tells the race detector about the step just taken. */
function raceOf(
  machine: Machine,
  detector: RaceDetector,
  choice: Choice,
  undo: Undo,
): string | undefined {
  const { access } = undo;
  if (access === undefined) return undefined;
  const { after, node } = machine.threads[choice.thread];
  for (const other of after) detector.join(choice.thread, other);
  if (access.kind === 'notify') {
    machine.threads.forEach((other, thread) => {
      // Too many are joined, not too few: those that wait there and those that have been woken.
      const settles = other.node.pending?.kind === 'settle' && other.node.pending.at === access.at;
      if (settles && machine.canStep(thread)) detector.join(thread, choice.thread);
    });
  }
  let wrote = mayWrite(access);
  if (access.kind === 'compareExchange') wrote = wasExchanged(access.operand, node.result);
  return detector.take(choice.thread, access, wrote, machine.isRacyRead(access));
}

function wasExchanged(operand: unknown, result: unknown): boolean {
  return Array.isArray(operand) && operand[0] === result;
}

/** The highest priority goes first; at some steps the one that goes falls below all others. */
function priorities(
  random: (limit: number) => number,
  threads: number,
  changes: number,
  length: number,
): (choices: readonly Choice[]) => Choice {
  const order = Array.from({ length: threads }, () => random(1 << 20));
  const falls = new Set(Array.from({ length: changes }, () => random(length)));
  const special = random(length);
  let step = 0;
  let lowest = -1;
  return (choices) => {
    const steps = choices.filter((choice) => choice.act === Act.STEP);
    const others = choices.filter((choice) => choice.act !== Act.STEP);
    const at = step++;
    if (others.length > 0 && (steps.length === 0 || at === special)) {
      return others[random(others.length)];
    }
    const first = steps.reduce((a, b) => (order[b.thread] > order[a.thread] ? b : a));
    if (falls.has(at)) order[first.thread] = lowest--;
    return first;
  };
}

/** With PROGRAM= and SCHEDULE=: true, and that program has done just that, printed. */
function isRepeated(name: string, machine: Machine, options: ExploreOptions): boolean {
  const { PROGRAM, SCHEDULE } = process.env;
  if (PROGRAM === undefined || SCHEDULE === undefined) return false;
  if (PROGRAM !== name) return true;
  const path = parseSchedule(
    SCHEDULE,
    machine.threads.map((thread) => thread.name),
  );
  const left = [...path];
  runOnce(name, machine, options, (choices) => {
    const wanted = left.shift();
    const found = choices.find((c) => c.thread === wanted?.thread && c.act === wanted.act);
    if (wanted !== undefined && found === undefined)
      throw new Error('the schedule can be followed');
    if (wanted === undefined && options.races !== false) machine.checkRaces();
    return found;
  });
  console.log(`  ${name}: no violation in ${SCHEDULE}`);
  return true;
}

/** Whole numbers below `limit`, the same for the same seed (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
