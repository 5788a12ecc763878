import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Actor, ActorContext } from '../actor.ts';
import { type ActorId, Message } from '../message.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { World } from './world.ts';

const priorities = suite('priorities');

const ACTORS: readonly ActorId[] = [1, 2, 3, 4, 5, 6];
const TICK_MS = 1;

/** Takes a step each millisecond, and notes who took it and when. */
class Ticker implements Actor {
  readonly role = 'ticker';
  readonly received: number[] = [];
  readonly #steps: [ActorId, number][];

  constructor(steps: [ActorId, number][]) {
    this.#steps = steps;
  }

  start(context: ActorContext): void {
    context.after(TICK_MS, 0);
  }

  receive(message: Message): void {
    this.received.push(message.value);
  }

  onTimer(_timer: number, context: ActorContext): void {
    this.#steps.push([context.self, context.now()]);
    context.after(TICK_MS, 0);
  }
}

interface Run {
  readonly world: World;
  readonly steps: [ActorId, number][];
  /** Steps of each actor, in the order of ACTORS. */
  readonly counts: () => number[];
}

function tick(seed: number, faults: Partial<Faults>): Run {
  const world = new World({ seed, faults: { ...NO_FAULTS, ...faults } });
  const steps: [ActorId, number][] = [];
  for (const id of ACTORS) world.add(id, new Ticker(steps));
  world.run({ untilMs: 100 });
  const counts = (): number[] => ACTORS.map((id) => steps.filter(([by]) => by === id).length);
  return { world, steps, counts };
}

priorities(
  'without them all take as many steps; with them some take fewer, and all take some',
  () => {
    const [even] = [tick(1, {}).counts()];
    assert.equal(even, Array(ACTORS.length).fill(even[0]));
    let uneven = 0;
    for (let seed = 0; seed < 50; seed++) {
      const { world, counts } = tick(seed, { lagMs: 20 });
      const taken = counts();
      assert.ok(Math.min(...taken) > 0, `seed ${seed}: ${taken.join()}`);
      if (Math.min(...taken) < Math.max(...taken) / 2) uneven += 1;
      assert.is(world.counts.priorityChanges, 0);
    }
    assert.ok(uneven > 25, `${uneven} of 50 seeds`);
  },
);

priorities(
  'at a change of priority an actor falls behind all others, in another place each time',
  () => {
    const fallen = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const { world, steps } = tick(seed, { lagMs: 0.01, priorityChanges: 1 });
      assert.is(world.counts.priorityChanges, 1, `seed ${seed}`);
      const latest = ACTORS.map((id) => steps.findLast(([by]) => by === id)?.[1] ?? 0);
      const gaps = ACTORS.map((id) => longestGap(steps, id));
      if (Math.max(...gaps) < 3 * TICK_MS && Math.min(...latest) > 95) continue;
      fallen.add(steps.findIndex(([by]) => by === ACTORS[gaps.indexOf(Math.max(...gaps))]));
    }
    assert.ok(fallen.size > 3, `${fallen.size} places`);
  },
);

function longestGap(steps: readonly [ActorId, number][], id: ActorId): number {
  const times = steps.filter(([by]) => by === id).map(([, timeMs]) => timeMs);
  return Math.max(...times.map((timeMs, i) => timeMs - (times[i - 1] ?? 0)));
}

priorities('what waits for others stays in order, also when all are equal again', () => {
  for (let seed = 0; seed < 50; seed++) {
    const world = new World({ seed, faults: { ...NO_FAULTS, lagMs: 20, priorityChanges: 2 } });
    const receiver = new Ticker([]);
    world.add(1, new Ticker([]));
    world.add(2, receiver);
    const send = (from: number, count: number): void => {
      world.act(1, (context) => {
        const message = new Message();
        message.to = 2;
        for (let i = from; i < from + count; i++) {
          message.value = i;
          context.send(message);
        }
      });
    };
    for (let i = 0; i < 40; i++) {
      send(i, 1);
      world.run({ untilMs: i });
    }
    world.stopFaults();
    send(40, 10);
    world.run({ untilMs: 1000 });
    assert.equal(
      receiver.received,
      Array.from({ length: 50 }, (_, i) => i),
      `seed ${seed}`,
    );
  }
});

priorities('after stopFaults nobody waits and nobody falls', () => {
  const { world, counts } = tick(3, { lagMs: 20, priorityChanges: 2 });
  world.stopFaults();
  world.run({ untilMs: 500 });
  const [before, deferred] = [counts(), world.counts.deferred];
  world.run({ untilMs: 600 });
  assert.is(world.counts.deferred, deferred);
  const taken = counts().map((count, i) => count - before[i]);
  assert.equal(taken, Array(ACTORS.length).fill(taken[0]));
});

priorities.run();
