/** How long an operation may go on, and the errors that end it. */
import type { ActorId } from '../actors/message.ts';
import { TangoError } from '../actors/tango-error.ts';
import { anyoneLives } from './homes.ts';
import type { LogClient } from './log-client.ts';
import { ACTOR_EXITED, type Procedure, pause } from './procedure.ts';

/**
 * The first look for a newer projection, or at a busy sequencer, comes after this long, the others less
 * and less often: a reconfiguration takes some hundred microseconds, and many operations may wait.
 */
const FIRST_PAUSE_MS = 0.05;
const PAUSE_MS_MAX = 1.6;

export class Deadline {
  readonly #client: LogClient;
  readonly #endMs: number;

  constructor(client: LogClient) {
    this.#client = client;
    this.#endMs = client.context.now() + client.times.operationMs;
  }

  get passed(): boolean {
    return this.#client.context.now() >= this.#endMs;
  }
}

/** How long to wait for others to bring the log back, before doing it oneself. */
export class Patience {
  readonly #client: LogClient;
  #endMs: number;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(client: LogClient) {
    this.#client = client;
    this.#endMs = client.context.now() + client.times.takeoverMs;
  }

  /** Pauses, and repairs the log when the others have had their time. */
  *pause(): Procedure<void> {
    const { memory } = this.#client;
    // The owner has closed the log, and a thread that blocks does not hear of it otherwise.
    if (memory.threads.closed() && !anyoneLives(memory)) {
      throw new TangoError('ERR_ACTOR_EXITED', 'the log was closed before the operation had ended');
    }
    if (this.#client.context.now() >= this.#endMs) {
      // FIRST: while this client repairs, and after it, it is the turn of others again.
      this.#endMs = this.#client.context.now() + 2 * this.#client.times.takeoverMs;
      yield* this.#repair();
    }
    yield* pause(this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }

  /** What keeps the log from being repaired does not decide what becomes of the operation. */
  *#repair(): Procedure<void> {
    try {
      yield* this.#client.repair();
    } catch (error) {
      if (!(error instanceof TangoError)) throw error;
    }
  }
}

/**
 * Waits until the client acts under a projection above `epoch`, the one that was refused; takes the
 * reconfiguration over if nobody ends it in time (CORFU 1.9: the sealer may have died). `position`:
 * where the caller may have left something, for the error.
 */
export function* newerProjection(
  client: LogClient,
  deadline: Deadline,
  epoch: number,
  position?: number,
): Procedure<void> {
  yield* newEpochOr(client, deadline, epoch, position, () => false);
}

/**
 * The thread that `actor` was asked at has exited, and will never serve what it had not: waits until
 * another one serves the actor. Mostly that takes a projection above `epoch`; but actors move from thread
 * to thread without one as well, and then none may ever come.
 */
function* servedAgain(
  client: LogClient,
  deadline: Deadline,
  epoch: number,
  actor: ActorId,
  position?: number,
): Procedure<void> {
  const isServed = (): boolean => client.membership.receiverOf(actor) !== 0;
  if (client.map.epoch <= epoch && !client.refreshProjection()) {
    if (deadline.passed)
      throw lateError('an actor', 'its threads exit one after the other', position);
    // A client that leaves the log is told of exits as well: its procedures end where they wait.
    yield* pause(FIRST_PAUSE_MS);
  }
  yield* newEpochOr(client, deadline, epoch, position, isServed);
}

/** SEALED or ACTOR_EXITED: waits for what makes it worth asking once more. */
export function* afterRefusal(
  client: LogClient,
  deadline: Deadline,
  epoch: number,
  outcome: number,
  actor: ActorId,
  position?: number,
): Procedure<void> {
  if (outcome === ACTOR_EXITED) yield* servedAgain(client, deadline, epoch, actor, position);
  else yield* newerProjection(client, deadline, epoch, position);
}

function* newEpochOr(
  client: LogClient,
  deadline: Deadline,
  epoch: number,
  position: number | undefined,
  isEnough: () => boolean,
): Procedure<void> {
  const patience = new Patience(client);
  while (client.map.epoch <= epoch && !client.refreshProjection() && !isEnough()) {
    if (deadline.passed) {
      const text = `no projection follows the sealed one: epoch=${epoch}`;
      const details = position === undefined ? { epoch } : { epoch, position };
      throw new TangoError('ERR_SEALED', text, details);
    }
    yield* patience.pause();
  }
}

/** Waits a little for a sequencer that is busy, being built, or broken: then it is replaced. */
export function* freeSequencer(deadline: Deadline, patience: Patience): Procedure<void> {
  if (deadline.passed) throw lateError('the sequencer', 'it serves nobody');
  yield* patience.pause();
}

export function lateError(what: string, state: string, position?: number): TangoError {
  const where = position === undefined ? '' : `: position=${position}`;
  const details = position === undefined ? {} : { position };
  return new TangoError('ERR_TIMEOUT', `${what} took too long, ${state}${where}`, details);
}

/** Every replica of `position` is gone: nothing can be said about it, and nothing is made up. */
export function lostError(client: LogClient, position: number): TangoError {
  const { map } = client;
  const range = map.rangeOf(position);
  const text =
    `every replica of the position is lost: position=${position}, ` +
    `lost among positions [${range.from}, ${range.to ?? 'the tail'})`;
  return new TangoError('ERR_CORRUPT', text, { position, epoch: map.epoch });
}
