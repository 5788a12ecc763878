/** Actors of storage units that come, go and come back: whose reclaiming counts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flight } from '../shared-memory/flight.ts';
import { Quiescence } from '../shared-memory/quiescence.ts';
import type { Actor, ActorContext } from './actor.ts';
import { homeIndexOf, sequencerActor, unitActor } from './actor-ids.ts';
import { adoptedActor } from './adoption.ts';
import { allocateLog, type LogBuffers, LogMemory } from './log-memory.ts';
import { Message, MessageType } from './message.ts';
import { firstProjection } from './projection.ts';

const [ADA, BOB, OWNER] = [0, 1, 3];
const UNIT = 1;
const WRITTEN = 40;

const adoption = suite('adoption');

const NOBODY: ActorContext = { send: () => {}, after: () => {} } as never;

/** A thread that serves the unit, with views of its own. */
class Serving {
  readonly memory: LogMemory;
  readonly #flight: Flight;
  readonly #actor: Actor;

  constructor(buffers: LogBuffers, thread: number) {
    this.memory = new LogMemory(buffers);
    this.memory.threads.claim(thread, thread + 1);
    this.#flight = new Flight(this.memory.threads, thread);
    this.#actor = adoptedActor(this.memory, unitActor(UNIT), thread);
  }

  nudge(): void {
    const message = new Message();
    message.type = MessageType.UNIT_RECLAIM;
    this.#fly(() => this.#actor.receive(message, NOBODY));
  }

  /** The wait is over. */
  finish(): void {
    this.#fly(() => this.#actor.onTimer?.(1, NOBODY));
  }

  /** Once, when the thread has looked at `what` of the slots or chunks next: others go on. */
  after(what: 'watermark' | 'reclaim', meanwhile: () => void): void {
    const { slots, chunks } = this.memory.unit(UNIT);
    const target = (what === 'watermark' ? slots : chunks) as unknown as Record<
      string,
      (...given: unknown[]) => unknown
    >;
    const looked = target[what].bind(target);
    target[what] = (...given) => {
      delete target[what];
      const seen = looked(...given);
      meanwhile();
      return seen;
    };
  }

  #fly(body: () => void): void {
    this.#flight.enter();
    body();
    this.#flight.leave();
  }
}

function bench() {
  const sizes = { storageUnits: 2, spareUnits: 0, replicas: 2, logBytes: 64 * 1024 };
  const log = { entryBytesMax: 64, backpointers: 4, actorThreads: 3, attachMax: 4 };
  const buffers = allocateLog({ ...sizes, ...log });
  const memory = new LogMemory(buffers);
  const first = firstProjection(2, 2, sequencerActor(0));
  memory.layoutStore.propose(first);
  const move = (thread: number): void => memory.homes.move(homeIndexOf(unitActor(UNIT)), thread);
  move(ADA);
  const { slots } = memory.unit(UNIT);
  for (let address = 0; address < WRITTEN; address++) slots.tryJunk(address);
  slots.raiseWatermark(WRITTEN);
  /** The projection without the unit. */
  const eject = (): void => {
    const extents = [{ chain: [0], start: 0 }];
    memory.layoutStore.propose({ ...first, epoch: 2, ranges: [{ from: 0, extents }] });
  };
  return { buffers, memory, slots, move, eject };
}

adoption('a unit at home reclaims what is trimmed', () => {
  const { buffers, slots } = bench();
  const ada = new Serving(buffers, ADA);
  ada.nudge();
  ada.finish();
  assert.is(slots.addressLimit(), slots.count + WRITTEN);
});

adoption('one that has left and come back begins anew: others have flown meanwhile', () => {
  const { buffers, memory, slots, move } = bench();
  memory.threads.claim(OWNER, OWNER + 1);
  const owner = new Flight(memory.threads, OWNER);
  const [ada, bob] = [new Serving(buffers, ADA), new Serving(buffers, BOB)];
  owner.enter();
  ada.nudge();
  move(BOB);
  bob.nudge();
  owner.leave();
  const acknowledged: number[] = [];
  // Bob stands still in the middle of it, and Ada serves the unit again.
  bob.after('watermark', () => {
    move(ADA);
    ada.finish();
    for (let address = WRITTEN; address < slots.addressLimit(); address++) {
      if (slots.tryWrite(address, 100 + address) === 0) acknowledged.push(address);
    }
  });
  bob.finish();
  const lost = acknowledged.filter((address) => slots.load(address) === 0);
  assert.equal(lost, [], 'what was written stays');
  ada.nudge();
  ada.finish();
  assert.is(slots.addressLimit(), slots.count + WRITTEN, 'and is reclaimed in the end');
});

for (const what of ['watermark', 'reclaim'] as const) {
  adoption(`whoever wipes the memory waits for a unit that reclaims it: ${what}`, () => {
    const { buffers, memory, eject } = bench();
    const ada = new Serving(buffers, ADA);
    ada.nudge();
    const wiper = new Quiescence(memory.threads);
    let waits = false;
    ada.after(what, () => {
      eject();
      wiper.begin();
      waits = !wiper.passed();
    });
    ada.finish();
    assert.ok(waits, 'the reclaiming flight is waited for');
    assert.ok(wiper.passed());
  });
}

adoption('a unit that no projection names reclaims nothing: its memory may be wiped', () => {
  const { buffers, slots, eject } = bench();
  const ada = new Serving(buffers, ADA);
  ada.nudge();
  eject();
  ada.finish();
  ada.nudge();
  ada.finish();
  assert.is(slots.addressLimit(), slots.count);
});

adoption.run();
