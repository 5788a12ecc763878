/** Who is who on the wire: 16 bits an actor. */
import type { ActorId } from './message.ts';

/**
 * Identity of a storage unit; never given twice in one log. A memory whose unit was ejected comes
 * back wiped, as a unit of the next generation: index + UNIT_MEMORIES_MAX × generation.
 */
export type UnitId = number;

/** A power of two. */
export const UNIT_MEMORIES_MAX = 128;
/** Sequencers have an id each time one is named, taken in turn. */
export const SEQUENCERS_MAX = 16;

const FIRST_SEQUENCER = 1;
const FIRST_UNIT = 0x1000;
const FIRST_CLIENT = 0x8000;

export function sequencerActor(index: number): ActorId {
  return FIRST_SEQUENCER + (index % SEQUENCERS_MAX);
}

/** Index of the memory that holds a unit. */
export function unitIndex(unit: UnitId): number {
  return unit & (UNIT_MEMORIES_MAX - 1);
}

export function unitId(index: number, generation: number): UnitId {
  return index + UNIT_MEMORIES_MAX * generation;
}

/** The tenancy of its memory while that is this unit's; a wiped memory is another unit's. */
export function unitTenancy(unit: UnitId): number {
  return Math.floor(unit / UNIT_MEMORIES_MAX);
}

/** The actor of a memory: one for all its generations, since ids on the wire are 16 bits. */
export function unitActor(unit: UnitId): ActorId {
  return FIRST_UNIT + unitIndex(unit);
}

export function isUnitActor(actor: ActorId): boolean {
  return actor >= FIRST_UNIT && actor < FIRST_CLIENT;
}

/** Index of the memory whose actor this is. */
export function unitIndexOf(actor: ActorId): number {
  return actor - FIRST_UNIT;
}

/** Thread of a client actor, or -1 for other actors. */
export function clientThreadOf(actor: ActorId): number {
  return actor >= FIRST_CLIENT ? actor - FIRST_CLIENT : -1;
}

/** Words of the table that says where units and sequencers live. */
export const HOMES = UNIT_MEMORIES_MAX + SEQUENCERS_MAX;

/** Word of that table for an actor that is no client. */
export function homeIndexOf(actor: ActorId): number {
  return isUnitActor(actor) ? unitIndexOf(actor) : UNIT_MEMORIES_MAX + actor - FIRST_SEQUENCER;
}

/** The client actor of a thread, by its index in the thread table. */
export function clientActor(thread: number): ActorId {
  return FIRST_CLIENT + thread;
}
