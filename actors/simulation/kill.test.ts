import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Actor, ActorContext } from '../actor.ts';
import { Message } from '../message.ts';
import { NO_FAULTS } from './faults.ts';
import { World } from './world.ts';

const kill = suite('kill');

const WRITER = 1;
const READER = 2;
const ROUNDS = 3;
/** Of one round: memory, send, memory, timer. */
const EFFECTS_OF_ROUND = 4;

/** Each round writes a word, sends, writes another word, and sets a timer for the next round. */
class Writer implements Actor {
  readonly role = 'writer';
  readonly #world: World;
  readonly #memory: string[];
  readonly #message = new Message();
  received = 0;

  constructor(world: World, memory: string[]) {
    this.#world = world;
    this.#memory = memory;
  }

  start(context: ActorContext): void {
    this.onTimer(1, context);
  }

  receive(): void {
    this.received += 1;
  }

  onTimer(round: number, context: ActorContext): void {
    this.#write(`${round}a`);
    this.#message.to = READER;
    this.#message.value = round;
    context.send(this.#message);
    this.#write(`${round}b`);
    if (round < ROUNDS) context.after(10, round + 1);
  }

  #write(word: string): void {
    this.#world.effect(WRITER);
    this.#memory.push(word);
  }
}

class Reader implements Actor {
  readonly role = 'reader';
  readonly values: number[] = [];
  receive(message: Message): void {
    this.values.push(message.value);
  }
}

/** What is to be seen of a writer that dies before effect n; effect numbers are 1-based. */
function expected(n: number): { memory: string[]; values: number[] } {
  const memory: string[] = [];
  const values: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const first = (round - 1) * EFFECTS_OF_ROUND + 1;
    if (n > first) memory.push(`${round}a`);
    if (n > first + 1) values.push(round);
    if (n > first + 2) memory.push(`${round}b`);
  }
  return { memory, values };
}

function worldOfWriter(): { world: World; memory: string[]; writer: Writer; reader: Reader } {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  const memory: string[] = [];
  const writer = new Writer(world, memory);
  const reader = new Reader();
  world.add(WRITER, writer);
  world.add(READER, reader);
  return { world, memory, writer, reader };
}

kill('an actor does nothing from the effect on where it dies, for every effect', () => {
  const effects = ROUNDS * EFFECTS_OF_ROUND - 1;
  for (let n = 1; n <= effects + 1; n++) {
    const { world, memory, reader } = worldOfWriter();
    world.killAtEffect(WRITER, n);
    world.run();
    assert.equal({ memory, values: reader.values }, expected(n), `killed before effect ${n}`);
    assert.is(world.isAlive(WRITER), n > effects);
    assert.is(world.counts.killsInStep, n > effects ? 0 : 1);
  }
});

kill(
  'messages to the dead vanish, those from the dead arrive, timers of the dead do not fire',
  () => {
    const { world, memory, writer, reader } = worldOfWriter();
    world.run({ until: () => memory.includes('1b') });
    world.act(READER, (context) => {
      const message = new Message();
      message.to = WRITER;
      context.send(message);
    });
    world.kill(WRITER);
    world.run();
    assert.equal(memory, ['1a', '1b']);
    assert.equal(reader.values, [1]);
    assert.is(writer.received, 0);
    assert.is(world.counts.vanished, 1);
    assert.is(world.counts.timers, 0);
  },
);

kill('survivors are told after the detection delay, and only of kills', () => {
  const world = new World({ seed: 1, faults: { ...NO_FAULTS, detectionMs: 250 } });
  const told: [number, number][] = [];
  world.onKilled((id) => told.push([id, world.now()]));
  for (const id of [1, 2, 3]) world.add(id, new Reader());
  world.run({ untilMs: 100 });
  world.kill(1);
  world.kill(1);
  world.remove(2);
  world.run();
  assert.equal(told, [[1, 350]]);
  assert.equal(
    [1, 2, 3].map((id) => world.isAlive(id)),
    [false, false, true],
  );
});

kill('an actor that catches the signal is dead all the same, and it is counted', () => {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  const reader = new Reader();
  const message = new Message();
  message.to = READER;
  world.add(WRITER, new Reader());
  world.add(READER, reader);
  world.killAtEffect(WRITER, 2);
  let thrown = 0;
  world.act(WRITER, (context) => {
    for (let i = 0; i < 5; i++) {
      try {
        context.send(message);
      } catch {
        thrown += 1;
      }
    }
  });
  assert.is(thrown, 4);
  assert.not.ok(world.isAlive(WRITER));
  world.run();
  assert.is(reader.values.length, 1);
  assert.is(world.counts.swallowed, 1);
});

kill('an error that a dying actor throws instead of the signal is no failure of the run', () => {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  world.add(WRITER, new Reader());
  world.killAtEffect(WRITER, 1);
  world.act(WRITER, () => {
    try {
      world.effect(WRITER);
    } catch (error) {
      throw new Error('wrapped', { cause: error });
    }
  });
  assert.not.ok(world.isAlive(WRITER));
  assert.is(world.counts.swallowed, 1);
});

kill('a context that outlives its actor has no effect', () => {
  const { world } = worldOfWriter();
  const context = world.context(WRITER);
  world.kill(WRITER);
  assert.throws(() => context.after(1, 1), /killed/);
  assert.throws(() => world.context(WRITER), /lives/);
  assert.is(
    world.act(WRITER, () => 'done'),
    undefined,
  );
});

kill('the effects of a living actor belong into its steps', () => {
  const { world } = worldOfWriter();
  assert.throws(() => world.context(WRITER).after(1, 1), /within one of its steps/);
  world.effect(WRITER);
  assert.ok(world.isAlive(WRITER));
});

kill('a new actor may have the id of a dead one, and has none of its timers', () => {
  const { world, memory } = worldOfWriter();
  world.run({ until: () => memory.includes('1b') });
  world.kill(WRITER);
  const successor = new Reader();
  world.add(WRITER, successor);
  world.run();
  assert.equal(memory, ['1a', '1b']);
  assert.ok(world.isAlive(WRITER));
});

kill('drawn kills hit killable actors only, and no more than the maximum', () => {
  const effects = new Set<number>();
  for (let seed = 0; seed < 300; seed++) {
    const faults = { ...NO_FAULTS, killRate: 0.2, killable: [WRITER], killsMax: 1 };
    const world = new World({ seed, faults });
    const memory: string[] = [];
    world.add(WRITER, new Writer(world, memory));
    world.add(READER, new Reader());
    world.onKilled(() => world.add(WRITER, new Writer(world, memory)));
    world.run();
    assert.ok(world.counts.kills <= 1);
    assert.ok(world.isAlive(READER) && world.isAlive(WRITER));
    if (world.counts.kills === 1) effects.add(memory.indexOf('1a', 1));
  }
  assert.ok(effects.size >= 5, 'kills come at different effects');
});

kill('no drawn kill comes after stopFaults', () => {
  for (let seed = 0; seed < 50; seed++) {
    const faults = { ...NO_FAULTS, killRate: 0.5, killable: [WRITER], killsMax: 1 };
    const world = new World({ seed, faults });
    world.add(WRITER, new Writer(world, []));
    world.stopFaults();
    world.run();
    assert.ok(world.isAlive(WRITER));
  }
});

kill.run();
