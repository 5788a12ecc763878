/**
 * One actor's views on the memory of a simulated log. Every change to it is a kill point: the
 * actor's thread can die before it, with the one before done. And what a change depends on can be
 * frozen at one moment and used at a later one: a thread that stalls in flight, between its looks at
 * seal and projection and its write (RELIABILITY D1). Its loads are in order all the same: once it has
 * seen of a slot what came after that moment, it sees the seals and projections that came before that.
 */
import { type LogBuffers, LogMemory } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import type { Projection } from '../../actors/projection.ts';
import type { UnitMemory } from '../../shared-memory/unit-memory.ts';

/** What is told of, AFTER it took place. */
export interface MemoryNotes {
  sealed(actor: ActorId, epoch: number): void;
  proposed(actor: ActorId, projection: Projection, outcome: string): void;
  wiped(actor: ActorId): void;
  moved(actor: ActorId, home: number): void;
  built(epoch: number): void;
  required(): void;
  lockBroken(): void;
}

/** What was seen when a step began. */
interface Seen {
  readonly projection: Projection | undefined;
  readonly sealed: readonly number[];
  readonly sequencer: number;
  /** By unit: the words of its slots. */
  readonly slots: readonly Int32Array[];
}

type Method = (...values: unknown[]) => unknown;

export class SimulatedMemory {
  readonly memory: LogMemory;
  #seen: Seen | undefined;

  /** `effect` is where the actor may die. */
  constructor(buffers: LogBuffers, actor: ActorId, effect: () => void, notes: MemoryNotes) {
    const memory = new LogMemory(buffers);
    this.memory = memory;
    const change = (target: object, name: string, told?: (result: unknown, v: unknown[]) => void) =>
      replace(target, name, (original) => (...values) => {
        effect();
        const result = original(...values);
        // From here on the thread looks anew.
        this.#seen = undefined;
        told?.(result, values);
        return result;
      });
    for (let index = 0; index < memory.unitCount; index++) {
      this.#watchUnit(memory.unit(index), index, change, actor, notes);
    }
    const { sequencer, layoutStore, homes, views } = memory;
    for (const name of SEQUENCER_CHANGES) change(sequencer, name);
    for (const name of VIEWS_CHANGES) change(views, name);
    change(sequencer, 'seal', (_, [epoch]) => notes.sealed(actor, Number(epoch)));
    change(sequencer, 'requireBuild', () => notes.required());
    change(sequencer, 'setBuilt', (_, [epoch]) => notes.built(Number(epoch)));
    change(sequencer, 'breakLock', (result) => result === true && notes.lockBroken());
    change(homes, 'move', (_, [home]) => notes.moved(actor, Number(home)));
    change(layoutStore, 'propose', (outcome, [projection]) =>
      notes.proposed(actor, projection as Projection, String(outcome)),
    );
    replace(sequencer, 'sealedEpoch', (now) => () => this.#seen?.sequencer ?? now());
    replace(layoutStore, 'latest', (now) => () => this.#seen?.projection ?? now());
    replace(layoutStore, 'newestEpoch', (now) => () => this.#seen?.projection?.epoch ?? now());
  }

  /**
   * What seals and projections say now is what they say until the next change, until a slot is seen
   * that has changed since, or thaw().
   */
  freeze(): void {
    const { memory } = this;
    this.thaw();
    const units = Array.from({ length: memory.unitCount }, (_, i) => memory.unit(i).slots);
    this.#seen = {
      projection: memory.layoutStore.latest(),
      sealed: units.map((slots) => slots.sealedEpoch()),
      slots: units.map((slots) =>
        Int32Array.from({ length: slots.count }, (_, i) => slots.load(i)),
      ),
      sequencer: memory.sequencer.sealedEpoch(),
    };
  }

  thaw(): void {
    this.#seen = undefined;
  }

  #watchUnit(
    unit: UnitMemory,
    index: number,
    change: (target: object, name: string, told?: (r: unknown, v: unknown[]) => void) => void,
    actor: ActorId,
    notes: MemoryNotes,
  ): void {
    const { slots, chunks } = unit;
    for (const name of SLOTS_CHANGES) change(slots, name);
    change(slots, 'seal', (_, [epoch]) => notes.sealed(actor, Number(epoch)));
    for (const name of ['claim', 'unclaim']) change(unit, name);
    change(chunks, 'wipe');
    change(unit, 'wipe', () => notes.wiped(actor));
    replace(slots, 'sealedEpoch', (now) => () => this.#seen?.sealed[index] ?? now());
    const { load } = slots;
    slots.load = (address) => {
      const word = load.call(slots, address);
      if (this.#seen !== undefined && this.#seen.slots[index][address % slots.count] !== word) {
        this.thaw();
      }
      return word;
    };
  }
}

const SLOTS_CHANGES = ['tryWrite', 'tryJunk', 'tryTrim', 'forget', 'raiseWatermark', 'wipe'];
const SEQUENCER_CHANGES = [
  'tryLock',
  'unlock',
  'setTail',
  'pushStreamPosition',
  'resetStreams',
  'raiseTrimMark',
  'raiseDecidedMark',
];
const VIEWS_CHANGES = ['hold', 'release', 'tryTake', 'give'];

/** Puts another method in the place of one, in this object alone. */
export function replace(target: object, name: string, by: (original: Method) => Method): void {
  const original = Reflect.get(target, name) as Method;
  Reflect.set(
    target,
    name,
    by((...values) => original.apply(target, values)),
  );
}
