import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Actor, ActorContext } from '../actor.ts';
import { EXTRA_WORDS_MAX, Message } from '../message.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { SimulationError } from './options.ts';
import { Caller, Echo } from './relay-actors.ts';
import { World } from './world.ts';

const world = suite('world');

/** Notes what comes and when. */
class Recorder implements Actor {
  readonly role = 'recorder';
  readonly values: number[] = [];
  readonly timers: number[] = [];
  readonly timesMs: number[] = [];
  readonly seen = new Set<Message>();
  extraSum = 0;

  receive(message: Message, context: ActorContext): void {
    this.seen.add(message);
    this.values.push(message.value);
    this.timesMs.push(context.now());
    for (let i = 0; i < message.extraCount; i++) this.extraSum += message.extra[i];
  }

  onTimer(timer: number, context: ActorContext): void {
    this.timers.push(timer);
    this.timesMs.push(context.now());
  }
}

function send(context: ActorContext, to: number, value: number): void {
  const message = new Message();
  message.to = to;
  message.value = value;
  context.send(message);
}

/** Actor 1 sends 0…count-1 to the recorder 2, all at once. */
function burst(seed: number, faults: Partial<Faults>, count: number): [World, Recorder] {
  const recorder = new Recorder();
  const burstWorld = new World({ seed, faults });
  burstWorld.add(1, new Recorder());
  burstWorld.add(2, recorder);
  burstWorld.act(1, (context) => {
    for (let i = 0; i < count; i++) send(context, 2, i);
  });
  burstWorld.run();
  return [burstWorld, recorder];
}

function relay(seed: number): World {
  const faults = { killable: [1, 2, 11, 12], killsMax: 2 };
  const relayWorld = new World({ seed, faults });
  for (const id of [1, 2]) relayWorld.add(id, new Echo());
  for (const id of [11, 12, 13]) relayWorld.add(id, new Caller([1, 2], 10, 200));
  relayWorld.run({ untilMs: 20_000 });
  return relayWorld;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

world('the same seed gives the same trace, and another seed another one, over 200 seeds', () => {
  const hashes = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const first = relay(seed);
    const second = relay(seed);
    assert.is(first.traceHash, second.traceHash);
    assert.is(first.traceText(), second.traceText());
    assert.equal(first.counts, second.counts);
    hashes.add(first.traceHash);
  }
  assert.is(hashes.size, 200);
});

world('each kind of fault happens somewhere in 200 seeds', () => {
  const sum: Record<string, number> = {};
  for (let seed = 0; seed < 200; seed++) {
    for (const [name, count] of Object.entries(relay(seed).counts)) {
      sum[name] = (sum[name] ?? 0) + count;
    }
  }
  const { swallowed, ...happened } = sum;
  assert.is(swallowed, 0);
  for (const [name, count] of Object.entries(happened)) assert.ok(count > 0, name);
});

world('without reordering messages of a pair arrive in the order they were sent', () => {
  for (let seed = 0; seed < 200; seed++) {
    const [, recorder] = burst(
      seed,
      { reorder: false, lossRate: 0, duplicateRate: 0, stallRate: 0.1 },
      40,
    );
    assert.equal(recorder.values, numbers(40));
  }
});

world('with reordering all arrive, in another order, and overtaking is counted', () => {
  const spread = { ...NO_FAULTS, reorder: true, delayMeanMs: 5 };
  const [{ counts }, recorder] = burst(1, spread, 40);
  assert.not.equal(recorder.values, numbers(40));
  assert.equal(
    recorder.values.toSorted((a, b) => a - b),
    numbers(40),
  );
  assert.ok(counts.overtaken > 0);
});

world('loses the share of messages it was told to, and counts them', () => {
  const [{ counts }, recorder] = burst(1, { ...NO_FAULTS, lossRate: 0.25 }, 2000);
  assert.is(counts.lost + recorder.values.length, 2000);
  assert.ok(counts.lost > 400 && counts.lost < 600, `${counts.lost} lost`);
  assert.is(burst(1, NO_FAULTS, 2000)[0].counts.lost, 0);
});

world('a message that comes twice is the same both times, and comes in between others', () => {
  const spread = { ...NO_FAULTS, duplicateRate: 0.25 };
  const [{ counts }, recorder] = burst(1, spread, 2000);
  assert.is(counts.sent, 2000);
  assert.is(recorder.values.length, 2000 + counts.duplicated);
  assert.ok(counts.duplicated > 400 && counts.duplicated < 600, `${counts.duplicated} twice`);
  assert.equal(
    [...new Set(recorder.values)].toSorted((a, b) => a - b),
    numbers(2000),
  );
  const isBackwards = recorder.values.some((value, i) => value < recorder.values[i - 1]);
  assert.ok(isBackwards, 'the second time is a time of its own');
  assert.is(burst(1, NO_FAULTS, 2000)[0].counts.duplicated, 0);
});

world('copies a message as it is sent, with all its words, and sets who sent it', () => {
  const copying = new World({ seed: 1, faults: NO_FAULTS });
  const recorder = new Recorder();
  copying.add(1, new Recorder());
  copying.add(2, recorder);
  const message = new Message();
  copying.act(1, (context) => {
    message.to = 2;
    message.value = 7;
    message.extraCount = EXTRA_WORDS_MAX;
    message.extra.fill(3);
    context.send(message);
    message.value = 8;
    message.extra.fill(0);
    context.send(message);
  });
  assert.is(message.from, 1);
  copying.run();
  assert.equal(recorder.values, [7, 8]);
  assert.is(recorder.extraSum, 3 * EXTRA_WORDS_MAX);
  assert.is(recorder.seen.size, 1, 'receivers get one reused message');
});

world('timers fire in the order they are due, not before they are due', () => {
  const timing = new World({ seed: 1, faults: NO_FAULTS });
  const recorder = new Recorder();
  timing.add(1, recorder);
  timing.act(1, (context) => {
    for (const delayMs of [30, 10, 20, 0]) context.after(delayMs, delayMs);
  });
  assert.is(timing.run({ untilMs: 25 }), 'time');
  assert.is(timing.now(), 25);
  assert.equal(recorder.timers, [0, 10, 20]);
  assert.is(timing.run(), 'idle');
  assert.equal(recorder.timers, [0, 10, 20, 30]);
  assert.equal(recorder.timesMs, [0, 10, 20, 30]);
});

world('a stalled actor catches up at the end of the stall, in order', () => {
  const stalling = new World({ seed: 1, faults: NO_FAULTS });
  const recorder = new Recorder();
  stalling.add(1, new Recorder());
  stalling.add(2, recorder);
  stalling.stall(2, 100);
  stalling.act(1, (context) => {
    for (let i = 0; i < 20; i++) send(context, 2, i);
  });
  stalling.run();
  assert.equal(recorder.values, numbers(20));
  assert.ok(recorder.timesMs.every((timeMs) => timeMs === 100));
});

world('after stopFaults sleepers wake and every caller comes to its end', () => {
  for (let seed = 0; seed < 100; seed++) {
    const healing = new World({ seed, faults: { stallMinMs: 1e9, stallMaxMs: 1e9 } });
    const callers = numbers(3).map(() => new Caller([1, 2], 10, 50));
    for (const id of [1, 2]) healing.add(id, new Echo());
    callers.forEach((caller, i) => {
      healing.add(11 + i, caller);
    });
    healing.run({ untilMs: 100 });
    healing.stopFaults();
    healing.run({ untilMs: 6000 });
    assert.ok(
      callers.every((caller) => caller.finished),
      `seed ${seed}`,
    );
  }
});

world(
  'actAfter acts in time, schedule calls the test, act within its own step is part of it',
  () => {
    const acting = new World({ seed: 1, faults: NO_FAULTS });
    const order: string[] = [];
    acting.add(1, new Recorder());
    acting.actAfter(1, 10, (context) => {
      order.push(`act at ${context.now()}`);
      acting.act(1, () => order.push('within'));
    });
    acting.schedule(5, () => order.push(`callback at ${acting.now()}`));
    acting.run();
    assert.equal(order, ['callback at 5', 'act at 10', 'within']);
    assert.is(
      acting.act(1, () => 'result'),
      'result',
    );
    assert.is(
      acting.act(9, () => 'result'),
      undefined,
    );
  },
);

world('the start of an actor comes before every other step of it', () => {
  const order: string[] = [];
  const starting = new World({ seed: 1, faults: NO_FAULTS });
  starting.add(1, { role: 'starter', start: () => order.push('start'), receive: () => {} });
  assert.equal(order, []);
  starting.act(1, () => order.push('act'));
  starting.run();
  assert.equal(order, ['start', 'act']);
});

world('an error of an actor ends the run with seed, time and step', () => {
  const failing = new World({ seed: 77, faults: NO_FAULTS });
  const cause = new Error('bad state');
  failing.add(1, new Recorder());
  failing.actAfter(1, 12.5, () => {
    throw cause;
  });
  try {
    failing.run();
    assert.unreachable();
  } catch (error) {
    assert.instance(error, SimulationError);
    assert.match(String(error), /recorder#1: bad state: seed=77, time=12.500 ms, step=2/);
    assert.is((error as SimulationError).cause, cause);
  }
});

world('an invariant of the whole is checked after every event', () => {
  const checked = new World({ seed: 1, faults: NO_FAULTS });
  let checks = 0;
  checked.onStep(() => {
    if (++checks === 3) throw new Error('broken');
  });
  checked.add(1, new Echo());
  checked.add(2, new Caller([1], 5, 100));
  assert.throws(() => checked.run(), /test: broken: seed=1/);
  assert.is(checks, 3);
});

world('actors that never rest fail the run', () => {
  const busy = new World({ seed: 1, faults: NO_FAULTS, stepsMax: 500 });
  const restless: Actor = {
    role: 'restless',
    start: (context) => context.after(1, 0),
    receive: () => {},
    onTimer: (_timer, context) => context.after(1, 0),
  };
  busy.add(1, restless);
  assert.is(busy.run({ steps: 400 }), 'steps');
  assert.throws(() => busy.run(), /no rest after 500 steps/);
});

world.run();
