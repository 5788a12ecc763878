/** A client of the stress: lanes of operations, each in the journal before it begins and after it ends. */
import { createHash } from 'node:crypto';
import type { Random } from '../../actors/simulation/random.ts';
import { TangoError } from '../../actors/tango-error.ts';
import type { Tango } from '../tango.ts';
import { type JournalWriter, NO_ROOM, type Outcome } from './journal.ts';

export interface ObjectClientOptions {
  readonly tango: Tango;
  readonly journal: JournalWriter;
  readonly random: Random;
  /** No two of a run have the same. */
  readonly client: number;
  /** Names the objects: those of each round are its own. */
  readonly round: number;
  /** Operations at once. */
  readonly lanes: number;
  readonly now: () => number;
  readonly rest: (ms: number) => Promise<void>;
}

/** So often a lane gives the event loop a turn, in which the thread hears that it is to stop. */
const TURN_CHANCE = 0.25;
const REST_MS = 1;
const VALUES_A_CLIENT = 2 ** 20;

export abstract class ObjectClient {
  protected readonly options: ObjectClientOptions;
  #value: number;
  #stopped = false;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(options: ObjectClientOptions) {
    this.options = options;
    this.#value = options.client * VALUES_A_CLIENT;
  }

  /** Begins and ends one operation. */
  protected abstract step(): Promise<void>;
  /** Everything in the views of this thread, which are up to date. */
  protected abstract state(): unknown;

  /** A lane that fails ends the thread. */
  start(): void {
    this.#lanes = Promise.all(Array.from({ length: this.options.lanes }, () => this.#lane()));
  }

  /** Settles when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lanes;
  }

  /** Of the state that the log has now: equal in each thread, in every order that can be observed. */
  async digest(): Promise<string> {
    await this.options.tango.sync();
    return createHash('sha256').update(JSON.stringify(this.state())).digest('hex');
  }

  /** A value that no other append or set of the run has. */
  protected nextValue(): number {
    return ++this.#value;
  }

  /** Says what is done, does it, and says what came of it. `failed`: the outcome of an error. */
  protected async perform(
    input: unknown,
    operation: () => unknown,
    failed: (error: unknown) => Outcome = failedOutcome,
  ): Promise<unknown> {
    const { journal, now } = this.options;
    let number = journal.begin(input);
    while (number === NO_ROOM) {
      await this.options.rest(REST_MS);
      number = journal.begin(input);
    }
    let outcome: Outcome = 'ok';
    let output: unknown;
    try {
      output = await operation();
    } catch (error) {
      outcome = failed(error);
      output = error instanceof TangoError ? error.code : String(error);
    }
    const time = now();
    while (!journal.end(number, time, outcome, output)) await this.options.rest(REST_MS);
    return outcome === 'ok' ? output : undefined;
  }

  async #lane(): Promise<void> {
    const { random, rest } = this.options;
    while (!this.#stopped) {
      await this.step();
      if (random.chance(TURN_CHANCE)) await rest(0);
    }
  }
}

/** Of errors that faults allow; any other ends the thread. With a position: something may be there. */
export function failedOutcome(error: unknown): Outcome {
  if (!(error instanceof TangoError)) throw error;
  if (error.code !== 'ERR_TIMEOUT' && error.code !== 'ERR_ACTOR_EXITED') throw error;
  return error.position === undefined ? 'fail' : 'unknown';
}
