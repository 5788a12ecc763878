/** Part of the view of an object in which sessions hold something: the sessions that have ended. */
import { incarnationOf, type SessionId, type Sessions } from '../runtime/views/sessions.ts';

/**
 * Sessions of threads that live on: whatever they append afterwards is refused. Of a dead thread nothing
 * comes any more, so that nothing is remembered of it.
 */
export class EndedSessions {
  readonly #own: Sessions | undefined;
  #ended = new Set<SessionId>();

  /** `own`: of this thread, which learns here what it has lost; undefined in a view that is only read. */
  constructor(own: Sessions | undefined) {
    this.#own = own;
  }

  has(session: SessionId): boolean {
    return this.#ended.has(session);
  }

  values(): Iterable<SessionId> {
    return this.#ended;
  }

  /** See SessionHolder.endSession. */
  end(session: SessionId, isDead: boolean): void {
    if (!isDead) {
      this.#ended.add(session);
      this.#own?.lost(session);
      return;
    }
    const dead = incarnationOf(session);
    for (const one of this.#ended) if (incarnationOf(one) === dead) this.#ended.delete(one);
  }

  checkpoint(): SessionId[] {
    return [...this.#ended];
  }

  restore(ended: readonly SessionId[]): void {
    this.#ended = new Set(ended);
    for (const session of ended) this.#own?.lost(session);
  }
}
