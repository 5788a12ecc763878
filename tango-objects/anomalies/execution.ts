/** One execution of a scenario: a schedule picks whose program takes the next step. */
import { MessageType } from '../../actors/message.ts';
import { assert } from '../../shared-memory/assert.ts';
import type { Attempt } from './attempt.ts';
import type { Choices } from './choices.ts';
import { type Host, numberOf } from './host.ts';
import { Program } from './program.ts';
import type { Placed } from './recorded-map.ts';
import type { Mode, TransactionSpec } from './scenario.ts';

/** How often a client waits for too long although others could go on. */
const PATIENCE_ENDS_MAX = 1;
const PICKS_MAX = 1000;
const WORDS = new Map<number, string>(
  Object.entries(MessageType).map(([word, type]) => [type, word]),
);

/** What an execution wants of the world. */
export interface World {
  /** Resolves when everything has happened that promises have waiting. */
  settle(): Promise<void>;
  /** Another sequencer takes over, at once. */
  replaceSequencer(): void;
}

export class Execution {
  readonly mode: Mode;
  readonly programs: readonly Program[];
  /** Who took which step, in words. */
  readonly trace: string[] = [];
  /** What each key was set to in the end, by an observer. */
  lists: ReadonlyMap<string, readonly Placed[]> = new Map();
  readonly #choices: Choices;
  readonly #world: World;
  #now = 0;
  #faults: number;
  #patience = PATIENCE_ENDS_MAX;

  /** `hosts`: of the transactions, one each. */
  constructor(
    mode: Mode,
    hosts: readonly Host[],
    specs: readonly TransactionSpec[],
    choices: Choices,
    world: World,
  ) {
    this.mode = mode;
    this.programs = specs.map(
      (spec, i) => new Program(hosts[i], spec, mode.grain, () => this.#now),
    );
    this.#choices = choices;
    this.#world = world;
    this.#faults = mode.fault === 'none' ? 0 : 1;
  }

  /** Until nobody can go on. */
  async run(): Promise<void> {
    const { programs, mode } = this;
    for (const { host } of programs) host.client.link.isDriven = false;
    for (const program of programs) void program.run();
    await this.#world.settle();
    for (let picks = 0; ; picks++) {
      assert(picks < PICKS_MAX, 'an execution ends');
      const due = programs.filter(({ state }) => state === 'due');
      const waiting = programs.filter(({ state }) => state === 'waiting');
      const isFree = this.#patience > 0 || due.length === 0;
      const mayWait = waiting.filter(({ spec }) => isFree || spec.act !== undefined);
      const runners = [...due, ...mayWait];
      const living = [...due, ...waiting];
      if (living.length === 0) return;
      const options: (() => Promise<void> | void)[] = runners.map((one) => () => this.#step(one));
      if (this.#faults > 0 && mode.fault === 'kill') {
        for (const one of living.filter(isMortal)) options.push(() => this.#kill(one));
      } else if (this.#faults > 0) options.push(() => this.#failOver());
      await options[this.#choices.among(options.length)]();
    }
  }

  async #step(program: Program): Promise<void> {
    const { client } = program.host;
    const isWait = program.state === 'waiting';
    const isLong = isWait && program.spec.act === undefined;
    if (isLong && this.programs.some(({ state }) => state === 'due')) this.#patience--;
    for (;;) {
      const waits = program.state === 'waiting';
      program.step();
      this.#note(program, waits ? 'waits' : (WORDS.get(client.served) ?? 'goes on'));
      await this.#world.settle();
      if (isWait && program.state === 'waiting') continue;
      if (isWait || !this.#goesOn(program) || (await this.#hasFailed(program))) break;
    }
    this.#end();
  }

  /** What others can do meanwhile makes no difference, or is left out. */
  #goesOn({ spec, host: { client } }: Program): boolean {
    const { grain } = this.mode;
    const { state, served } = client;
    const isWhole = grain === 'whole' || grain === 'brief';
    // For its own entry, which it looks at after a while.
    if (state === 'waiting') return isWhole && spec.act !== undefined;
    // Else it wants a turn.
    if (grain === 'fine' || state !== 'due' || served === 0) return false;
    return isWhole || served !== MessageType.SEQUENCER_NEXT;
  }

  /** A fault between two requests that are one step. True: it was the program's death. */
  async #hasFailed(program: Program): Promise<boolean> {
    const mayFail = this.#faults > 0 && (this.mode.fault !== 'kill' || isMortal(program));
    if (!mayFail || this.#choices.among(2) === 0) return false;
    if (this.mode.fault === 'kill') this.#kill(program);
    else await this.#failOver();
    return this.mode.fault === 'kill';
  }

  #kill(program: Program): void {
    this.#faults--;
    this.#note(program, 'dies');
    program.host.client.kill();
    this.#end();
  }

  async #failOver(): Promise<void> {
    this.#faults--;
    this.trace.push('another sequencer');
    this.#world.replaceSequencer();
    await this.#world.settle();
    this.#end();
  }

  #note({ spec }: Program, what: string): void {
    this.trace.push(`${spec.name} ${what}`);
  }

  #end(): void {
    this.#now += 2;
  }

  get attempts(): Attempt[] {
    return this.programs.flatMap(({ attempts }) => attempts);
  }

  /** The last attempt of a transaction. */
  of(name: string): Attempt {
    const attempt = this.programs.find(({ spec }) => spec.name === name)?.attempts.at(-1);
    assert(attempt !== undefined, 'each transaction is attempted');
    return attempt;
  }

  /** Whether an attempt took effect: it is in the log, or it has ended well and changed nothing. */
  happened(attempt: Attempt): boolean {
    if (attempt.writes.length === 0) return attempt.outcome === 'committed';
    return this.positionOf(attempt) >= 0;
  }

  /** Where it took effect; -1: nowhere. */
  positionOf({ name }: Attempt): number {
    for (const list of this.lists.values()) {
      const placed = list.find(({ value }) => value.endsWith(` ${name}`));
      if (placed !== undefined) return placed.position;
    }
    return -1;
  }

  /** The value of a key in the end. */
  last(key: string): number | undefined {
    return numberOf(this.lists.get(key)?.at(-1)?.value);
  }
}

function isMortal({ spec }: Program): boolean {
  return spec.isMortal ?? true;
}
