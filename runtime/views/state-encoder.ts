/** Encodes the states of objects at one position, while their views go on and the thread has its turns. */
import type { LogClient } from '../log-client.ts';
import type { Procedure } from '../procedure.ts';
import { EncodedState, type FrozenBytes } from './object-state.ts';
import type { Player } from './playback.ts';
import type { ObjectId } from './record.ts';
import { Turns } from './turns.ts';

export class StateEncoder {
  readonly #client: LogClient;
  readonly #frozen = new Map<ObjectId, FrozenBytes>();
  #states = new Map<ObjectId, EncodedState>();
  /** Objects that have not told their state: that will fail again. */
  readonly #mute = new Set<ObjectId>();

  constructor(client: LogClient) {
    this.#client = client;
  }

  /** Of what was frozen, once encode() has ended. */
  get states(): ReadonlyMap<ObjectId, EncodedState> {
    return this.#states;
  }

  isMute(object: ObjectId): boolean {
    return this.#mute.has(object);
  }

  /** BEFORE the first object: what an attempt that has failed left frozen goes on. */
  begin(): void {
    for (const { thaw } of this.#frozen.values()) for (const _step of thaw?.() ?? []);
    this.#frozen.clear();
    this.#states = new Map();
  }

  /** What becomes of the view from now on is no part of its state. */
  freeze(object: ObjectId, player: Player): void {
    // One that is opened meanwhile is asked for twice, at the same position.
    if (this.#frozen.has(object)) return;
    try {
      this.#frozen.set(object, player.freeze?.() ?? { pieces: [player.state()] });
    } catch {
      this.#mute.add(object);
    }
  }

  *encode(): Procedure<void> {
    for (const [object, { pieces, thaw }] of this.#frozen) {
      const state = new EncodedState();
      yield* this.#inTurns(this.#adding(object, state, pieces));
      this.#frozen.delete(object);
      if (thaw !== undefined) yield* this.#inTurns(thaw());
      if (!this.#mute.has(object)) this.#states.set(object, state);
    }
  }

  /** What is encoded is needed no more. */
  end(): void {
    this.#states = new Map();
  }

  *#adding(object: ObjectId, state: EncodedState, pieces: Iterable<Uint8Array>): Iterable<void> {
    try {
      for (const piece of pieces) yield state.add(piece);
    } catch {
      this.#mute.add(object);
    }
  }

  *#inTurns(steps: Iterable<void>): Procedure<void> {
    const turns = new Turns(this.#client.context);
    for (const _step of steps) if (turns.isOver()) yield* turns.next();
  }
}
