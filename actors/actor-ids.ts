/** Who is who on the wire: 16 bits an actor. */
import type { ActorId } from './message.ts';

/** Identity of a storage unit; never given twice in one log. */
export type UnitId = number;

const FIRST_SEQUENCER = 1;
const FIRST_UNIT = 0x1000;
const FIRST_CLIENT = 0x8000;

export function sequencerActor(index: number): ActorId {
  return FIRST_SEQUENCER + index;
}

export function unitActor(unit: UnitId): ActorId {
  return FIRST_UNIT + unit;
}

/** The client actor of a thread, by its index in the thread table. */
export function clientActor(thread: number): ActorId {
  return FIRST_CLIENT + thread;
}
