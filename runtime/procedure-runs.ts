/**
 * The procedures that one client has under way: each runs on as far as it can by itself, then waits for
 * a reply, a pause, or, where steps are paced, for its turn.
 */
import type { Message } from '../actors/message.ts';
import {
  AFTER_PAUSE,
  type Answer,
  answerOf,
  type Call,
  type Effect,
  type Procedure,
} from './procedure.ts';
import type { RequestHandler } from './request-table.ts';

/** How a procedure ends. */
export interface Completion<T> {
  done(value: T): void;
  failed(error: unknown): void;
}

/** What the runs want of their client. */
export interface Performer {
  /** The answer to a call that the client can give by itself now; else undefined. */
  answerHere(call: Call): Answer | undefined;
  /** Whether the client gives that answer later, as an event of its own. */
  isPaced(call: Call): boolean;
  /** The answer to a call whose turn has come. */
  serve(call: Call): Answer;
  send(call: Call, handler: RequestHandler): void;
  after(delayMs: number, timer: number): void;
  /** A procedure has begun, or ended. */
  counted(change: 1 | -1): void;
}

/** Procedures under way at once; each has one request. Further ones wait for their turn. */
const PROCEDURES_MAX = 1024;
/** Timers below are the client's; this one gives a paced step its turn. */
const TIMER_PACED = 15;
/** Timer numbers from here on resume a paused procedure. */
const FIRST_PAUSE_TIMER = 16;

export class ProcedureRuns {
  readonly performer: Performer;
  readonly #running = new Set<Run>();
  readonly #queued: Run[] = [];
  readonly #paused = new Map<number, Run>();
  readonly #paced: { call: Call; run: Run }[] = [];
  #nextPause = FIRST_PAUSE_TIMER;
  #left = false;

  constructor(performer: Performer) {
    this.performer = performer;
  }

  /** Begins a procedure, or lets it wait for one to end. `completion` is told once. */
  begin<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    this.performer.counted(1);
    const run = new ProcedureRun(this, procedure, completion);
    if (this.#running.size >= PROCEDURES_MAX) this.#queued.push(run);
    else this.#start(run);
  }

  /** Begins a procedure, however many are under way. */
  beginAtOnce<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    this.performer.counted(1);
    this.#start(new ProcedureRun(this, procedure, completion));
  }

  /** The timers from TIMER_PACED on. */
  onTimer(timer: number): void {
    if (timer === TIMER_PACED) {
      const step = this.#paced.shift();
      return step?.run.resume(this.performer.serve(step.call));
    }
    const run = this.#paused.get(timer);
    this.#paused.delete(timer);
    run?.resume(AFTER_PAUSE);
  }

  /** Nothing is begun any more; what waits for its first step ends here. */
  leave(error: unknown): void {
    this.#left = true;
    for (const run of this.#queued.splice(0)) run.abandon(error);
  }

  /** Ends what waits for a time, or for its turn; true if there was something. */
  abandonWaiting(error: unknown): boolean {
    const waiting = [...this.#paused.values(), ...this.#paced.map(({ run }) => run)];
    this.#paused.clear();
    this.#paced.length = 0;
    for (const run of waiting) run.abandon(error);
    return waiting.length > 0;
  }

  /** Called by a run that waits for the world. */
  wait(effect: Effect, run: Run): void {
    if ('pauseMs' in effect) {
      const timer = this.#nextPause++;
      this.#paused.set(timer, run);
      return this.performer.after(effect.pauseMs, timer);
    }
    if (!this.performer.isPaced(effect)) return this.performer.send(effect, run);
    this.#paced.push({ call: effect, run });
    this.performer.after(0, TIMER_PACED);
  }

  /** Called by a run that has ended; the next one in the queue has its turn. */
  ended(run: Run): void {
    this.performer.counted(-1);
    this.#running.delete(run);
    const next = this.#left ? undefined : this.#queued.shift();
    if (next !== undefined) this.#start(next);
  }

  #start(run: Run): void {
    this.#running.add(run);
    run.resume(AFTER_PAUSE);
  }
}

/** A procedure under way, whatever it returns. */
interface Run extends RequestHandler {
  resume(answer: Answer): void;
  abandon(error: unknown): void;
}

class ProcedureRun<T> implements Run {
  readonly #runs: ProcedureRuns;
  readonly #procedure: Procedure<T>;
  readonly #completion: Completion<T>;

  constructor(runs: ProcedureRuns, procedure: Procedure<T>, completion: Completion<T>) {
    this.#runs = runs;
    this.#procedure = procedure;
    this.#completion = completion;
  }

  onReply(message: Message): void {
    this.resume(answerOf(message));
  }

  /** Goes on as far as it can without anybody else. */
  resume(answer: Answer): void {
    let step: IteratorResult<Effect, T>;
    try {
      step = this.#procedure.next(answer);
      while (!step.done) {
        const effect = step.value;
        const here = 'pauseMs' in effect ? undefined : this.#runs.performer.answerHere(effect);
        if (here === undefined) return this.#runs.wait(effect, this);
        step = this.#procedure.next(here);
      }
    } catch (error) {
      this.#runs.ended(this);
      return this.#completion.failed(error);
    }
    this.#runs.ended(this);
    this.#completion.done(step.value);
  }

  /** Ends it where it stands; what it holds is settled by its own `finally`. */
  abandon(error: unknown): void {
    this.#procedure.return(undefined as T);
    this.#runs.ended(this);
    this.#completion.failed(error);
  }
}
