import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Duty, Idle } from './idle.ts';
import { allocateThreadTable, ThreadTable } from './thread-table.ts';
import { DOORBELL_OFFSET, THREAD_TABLE_HEADER_BYTES } from './thread-table-layout.ts';
import { within } from './within.ts';
import { WORD_BYTES } from './words.ts';

const THREAD = 0;
const LATEST_MS = 8000;
/**
 * A sleep that nothing ends takes 500 ms. So many of them in a row would be over LATEST_MS: who
 * comes through all in time was woken.
 */
const SLEEPS = 20;

const idle = suite('idle');

/** Does nothing unless told; notes what happens to it. */
class TestDuty implements Duty {
  turns = 0;
  rests = 0;
  turnsAsleep = 0;
  asleep = false;
  stopped = false;
  yieldsAfterWork = false;
  /** What a turn does; true when it was work. */
  work = (): boolean => false;
  timerMs = Number.POSITIVE_INFINITY;
  onRest = (): void => {};

  turn(): boolean {
    this.turns++;
    if (this.asleep) this.turnsAsleep++;
    return this.work();
  }

  wanted(): boolean {
    return !this.stopped;
  }

  untilTimer(): number {
    return this.timerMs;
  }

  resting(asleep: boolean): void {
    this.asleep = asleep;
    if (!asleep) return;
    this.rests++;
    this.onRest();
  }
}

interface Bench {
  readonly buffer: SharedArrayBuffer;
  readonly threads: ThreadTable;
  readonly loop: Idle;
  readonly duty: TestDuty;
}

function fresh(): Bench {
  const buffer = allocateThreadTable(2);
  const threads = new ThreadTable(buffer);
  return { buffer, threads, loop: new Idle(threads, THREAD), duty: new TestDuty() };
}

/** Settles at the `rest`-th rest of the duty. */
function atRest(duty: TestDuty, rest: number): Promise<void> {
  return within(
    LATEST_MS,
    `rest ${rest}`,
    new Promise((resolve) => {
      duty.onRest = () => {
        if (duty.rests >= rest) resolve();
      };
      duty.onRest();
    }),
  );
}

/** Ends run() and settles when it has ended. */
async function stop({ threads, loop, duty }: Bench): Promise<void> {
  duty.stopped = true;
  const latest = performance.now() + LATEST_MS;
  while (loop.running) {
    threads.ring(THREAD);
    assert.ok(performance.now() < latest, 'run() ends');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Rings whenever the shared word of rests has grown, SLEEPS times; then sets the other word. */
const RINGER = `
const { workerData } = require('node:worker_threads');
import(workerData.module).then(({ ThreadTable }) => {
  const threads = new ThreadTable(workerData.buffer);
  const words = new Int32Array(workerData.words);
  for (let rest = 0; rest < workerData.sleeps; rest++) {
    while (Atomics.load(words, 0) <= rest) Atomics.wait(words, 0, rest, 1000);
    if (rest === workerData.sleeps - 1) Atomics.store(words, 1, 1);
    threads.ring(workerData.thread);
  }
});
`;

/** A worker that rings, and a duty that tells it of every rest and whose work is the other word. */
function ringer({ buffer, duty }: Bench): { worker: Worker; rung: () => boolean } {
  const shared = new SharedArrayBuffer(2 * WORD_BYTES);
  const words = new Int32Array(shared);
  duty.onRest = () => {
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  };
  const extension = extname(fileURLToPath(import.meta.url));
  const module = new URL(`./thread-table${extension}`, import.meta.url).href;
  const workerData = { buffer, words: shared, module, thread: THREAD, sleeps: SLEEPS };
  const worker = new Worker(RINGER, { eval: true, workerData });
  return { worker, rung: () => Atomics.load(words, 1) === 1 };
}

idle('drives a duty until it is done', () => {
  const { loop, duty } = fresh();
  duty.work = () => true;
  assert.is(
    loop.drive(duty, () => duty.turns === 10, performance.now() + LATEST_MS),
    true,
  );
  assert.is(duty.turns, 10);
  assert.is(duty.rests, 0, 'it does not rest while there is work');
});

idle('takes no turn when it is done already, even after the deadline', () => {
  const { loop, duty } = fresh();
  assert.is(
    loop.drive(duty, () => true, 0),
    true,
  );
  assert.is(duty.turns, 0);
});

idle('stops driving at the deadline, and rests meanwhile', () => {
  const { loop, duty, threads } = fresh();
  const deadline = performance.now() + 30;
  assert.is(
    loop.drive(duty, () => false, deadline),
    false,
  );
  assert.ok(performance.now() >= deadline, 'not before');
  assert.ok(duty.rests > 0);
  assert.is(duty.turnsAsleep, 0);
  assert.is(duty.asleep, false);
  const heard = threads.prepareToSleep(THREAD);
  threads.awake(THREAD);
  threads.ring(THREAD);
  assert.is(threads.prepareToSleep(THREAD), heard, 'it is left awake');
});

idle('sees at its last look what came in while it announced its rest', () => {
  const { loop, duty, threads } = fresh();
  let done = false;
  // A ring is heard from the announcement on; the work shows up in the turn after it.
  const prepareToSleep = threads.prepareToSleep.bind(threads);
  threads.prepareToSleep = (thread) => {
    duty.work = () => {
      done = true;
      return true;
    };
    return prepareToSleep(thread);
  };
  assert.is(
    loop.drive(duty, () => done, performance.now() + LATEST_MS),
    true,
  );
  assert.is(duty.rests, 0);
});

idle('drives on when another thread rings', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  const { worker, rung } = ringer(bench);
  try {
    assert.is(loop.drive(duty, rung, performance.now() + LATEST_MS), true);
    assert.is(duty.rests, SLEEPS, 'each ring ended one rest');
  } finally {
    await worker.terminate();
  }
});

idle('drives on when a timer is due', () => {
  const { loop, duty } = fresh();
  duty.timerMs = 1;
  const done = (): boolean => duty.rests >= SLEEPS;
  assert.is(loop.drive(duty, done, performance.now() + LATEST_MS), true);
});

idle('runs on the event loop, once, until the duty does not want it any more', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  assert.is(loop.running, false);
  loop.run(duty);
  loop.run(duty);
  assert.is(loop.running, true);
  assert.is(duty.turns, 0, 'run() itself takes no turn');
  await atRest(duty, 1);
  assert.ok(loop.asleep);
  await stop(bench);
  assert.is(loop.running, false);
  assert.is(loop.asleep, false);
  const { turns } = duty;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(duty.turns, turns, 'nothing turns any more');
});

idle('may run again after it has ended', async () => {
  const bench = fresh();
  bench.loop.run(bench.duty);
  await atRest(bench.duty, 1);
  await stop(bench);
  const { turns } = bench.duty;
  bench.duty.stopped = false;
  bench.loop.run(bench.duty);
  await atRest(bench.duty, bench.duty.rests + 1);
  assert.ok(bench.duty.turns > turns);
  await stop(bench);
});

idle('takes no turn while it rests', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  loop.run(duty);
  await atRest(duty, 1);
  for (let look = 0; look < 20; look++) {
    const { turns, rests } = duty;
    assert.is(loop.asleep, duty.asleep);
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (duty.rests === rests && duty.asleep) assert.is(duty.turns, turns);
  }
  assert.is(duty.turnsAsleep, 0);
  await stop(bench);
});

idle('wakes from each rest when another thread rings', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  const { worker, rung } = ringer(bench);
  try {
    const woken = new Promise<void>((resolve) => {
      duty.work = () => {
        if (rung()) resolve();
        return false;
      };
    });
    loop.run(duty);
    await within(LATEST_MS, `${SLEEPS} rings are heard`, woken);
    assert.ok(duty.rests >= SLEEPS);
  } finally {
    await stop(bench);
    await worker.terminate();
  }
});

idle('wakes from each rest when a timer is due', async () => {
  const bench = fresh();
  bench.duty.timerMs = 1;
  bench.loop.run(bench.duty);
  await atRest(bench.duty, SLEEPS);
  await stop(bench);
});

idle('lets other code of the thread go first after work, where the duty says so', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  const order: string[] = [];
  duty.yieldsAfterWork = true;
  duty.work = () => {
    if (order.length >= 6) return false;
    order.push('turn');
    setImmediate(() => order.push('other'));
    return true;
  };
  loop.run(duty);
  await atRest(duty, 1);
  assert.equal(order, ['turn', 'other', 'turn', 'other', 'turn', 'other']);
  await stop(bench);
});

idle('gives the event loop its turns while there is work without end', async () => {
  const bench = fresh();
  const { loop, duty } = bench;
  duty.work = () => true;
  loop.run(duty);
  // The first timer may come before the first turn.
  for (let timer = 0; timer < 3; timer++) {
    const fired = new Promise((resolve) => setTimeout(resolve, 1));
    await within(LATEST_MS, 'a timer of the thread', fired);
  }
  assert.ok(duty.turns > 0);
  assert.is(duty.rests, 0);
  await stop(bench);
});

idle('is still rung for run() after drive() has turned in between', async () => {
  const bench = fresh();
  const { loop, duty, threads, buffer } = bench;
  const doorbell = (THREAD_TABLE_HEADER_BYTES + DOORBELL_OFFSET) / WORD_BYTES;
  const rings = (): number => Atomics.load(new Int32Array(buffer), doorbell);
  loop.run(duty);
  await atRest(duty, 1);
  const driven = new TestDuty();
  driven.timerMs = 1;
  loop.drive(driven, () => driven.rests > 0, performance.now() + LATEST_MS);
  assert.ok(loop.asleep, 'run() rests on');
  const before = rings();
  threads.ring(THREAD);
  assert.is(rings(), before + 1, 'it is known to sleep');
  await atRest(duty, 2);
  await stop(bench);
});

idle.run();
