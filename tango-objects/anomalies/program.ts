/**
 * A client's transaction, step by step. A body is synchronous, so it cannot be suspended; but its view
 * stands still. To suspend it, it is left by an exception. To go on it is run again from its start, on
 * the same view, one yield further, and has to see what it saw.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { ListOperation } from '../checkers/strict-serializability.ts';
import { Attempt } from './attempt.ts';
import type { Host } from './host.ts';
import { BodyAborts, type Grain, type TransactionSpec } from './scenario.ts';

const SUSPENDED = new Error('the body goes on later');

export class Program {
  readonly host: Host;
  readonly spec: TransactionSpec;
  readonly attempts: Attempt[] = [];
  readonly #grain: Grain;
  /** In half steps: odd at the end of one. */
  readonly #now: () => number;
  #go: (() => void) | undefined;

  constructor(host: Host, spec: TransactionSpec, grain: Grain, now: () => number) {
    this.host = host;
    this.spec = spec;
    this.#grain = grain;
    this.#now = now;
  }

  /** 'due': can take a step now. 'waiting': when some time has passed. */
  get state(): 'due' | 'waiting' | 'ended' {
    const { state, isAlive } = this.host.client;
    if (!isAlive) return 'ended';
    if (state !== 'idle') return state;
    return this.#go === undefined ? 'ended' : 'due';
  }

  step(): void {
    const { client } = this.host;
    if (client.state !== 'idle') return client.step();
    client.served = 0;
    const go = this.#go;
    this.#go = undefined;
    go?.();
  }

  async run(): Promise<void> {
    const { retries = 0 } = this.spec;
    for (let number = 0; number <= retries; number++) {
      const attempt = new Attempt(this.spec, number);
      this.attempts.push(attempt);
      await this.#turn();
      attempt.call = this.#now();
      try {
        if (this.spec.act === undefined) await this.#attempt(attempt);
        else attempt.result = await this.spec.act(this.host.client.views);
        attempt.outcome = 'committed';
      } catch (error) {
        attempt.code = error instanceof TangoError ? error.code : String(error);
        if (error instanceof BodyAborts) attempt.outcome = 'aborted';
        else attempt.outcome = attempt.code === 'ERR_CONFLICT' ? 'conflict' : 'failed';
      }
      attempt.return = this.#now() + 1;
      if (attempt.outcome !== 'conflict') return;
    }
  }

  async #attempt(attempt: Attempt): Promise<void> {
    const { views } = this.host.client;
    // As transact() begins by itself, in a step of its own.
    attempt.snapshot = await views.sync();
    attempt.begun = this.#now() + 1;
    const { isReadOnly = false } = this.spec;
    const options = { stale: true, retries: 0, readOnly: isReadOnly };
    const isWhole = this.#grain === 'coarse' || this.#grain === 'whole';
    let yields = isWhole ? Number.POSITIVE_INFINITY : 0;
    if (this.#grain === 'fine' || this.#grain === 'parts') await this.#turn();
    for (; ; yields++) {
      try {
        attempt.result = await views.transact(() => this.#runBody(attempt, yields), options);
        return;
      } catch (error) {
        if (error !== SUSPENDED) throw error;
      }
      await this.#turn();
    }
  }

  /** Throws SUSPENDED at the yield of that number. */
  #runBody(attempt: Attempt, yields: number): unknown {
    const before = attempt.operations;
    const { position } = this.host.client.views;
    if (position !== attempt.snapshot) {
      // A trim has passed the view since it was brought up to date: it was, once more.
      attempt.snapshot = position;
      attempt.begun = this.#now() + 1;
    }
    attempt.restart();
    const body = this.spec.body(this.host.session(attempt));
    if (!isGenerator(body)) return body;
    for (let count = 0; ; count++) {
      const { done, value } = body.next();
      checkSame(before, attempt.operations);
      if (done) return value;
      if (count === yields) throw SUSPENDED;
    }
  }

  #turn(): Promise<void> {
    return new Promise((go) => {
      this.#go = go;
    });
  }
}

function isGenerator(value: unknown): value is Generator<void, unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && 'next' in value;
}

/** Opacity: a body that runs again sees what it saw. */
function checkSame(before: readonly ListOperation[], now: readonly ListOperation[]): void {
  const common = Math.min(before.length, now.length);
  const was = JSON.stringify(before.slice(0, common));
  const is = JSON.stringify(now.slice(0, common));
  if (was !== is) throw new Error(`a view has moved under a body: ${was}, then ${is}`);
}
