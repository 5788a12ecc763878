import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flight } from '../shared-memory/flight.ts';
import { type GridSizes, gridBytesFor, MailboxGrid } from '../shared-memory/mailbox-grid.ts';
import { allocateThreadTable, NO_THREAD, ThreadTable } from '../shared-memory/thread-table.ts';
import type { Actor, ActorContext } from './actor.ts';
import { ActorHost } from './actor-host.ts';
import { type ActorId, Message } from './message.ts';

/** A ring for nine messages without extra words. */
const SIZES: GridSizes = { actorThreads: 1, threads: 3, ringWords: 64 };
const FITS = 8;
/** Thread 0 hosts ANNE and ADAM, thread 1 BERTA, thread 2 CLARA; NOBODY lives nowhere. */
const [ANNE, ADAM, BERTA, CLARA, NOBODY]: ActorId[] = [100, 101, 110, 120, 130];
const TIMER = 7;

const actorHost = suite('actor host');

/** Notes what it gets. */
class Recorder implements Actor {
  readonly role = 'recorder';
  readonly values: number[] = [];
  readonly senders: ActorId[] = [];
  readonly timers: number[] = [];
  readonly instances = new Set<Message>();
  started = 0;

  start(): void {
    this.started++;
  }

  receive(message: Message, _context: ActorContext): void {
    this.instances.add(message);
    this.values.push(message.value);
    this.senders.push(message.from);
  }

  onTimer(timer: number): void {
    this.timers.push(timer);
  }
}

/** Answers each message with the value doubled. */
class Doubler extends Recorder {
  override receive(message: Message, context: ActorContext): void {
    super.receive(message, context);
    send(context, message.from, 2 * message.value);
  }
}

function send(context: ActorContext, to: ActorId, value: number, extraCount = 0): void {
  const message = new Message();
  message.to = to;
  message.value = value;
  message.extraCount = extraCount;
  context.send(message);
}

/** Threads, grid and hosts of one log, all on this thread. */
class Bench {
  readonly threads = new ThreadTable(allocateThreadTable(SIZES.threads));
  readonly grid: MailboxGrid;
  membershipCalls = 0;

  constructor(ringWords = SIZES.ringWords) {
    const sizes = { ...SIZES, ringWords };
    this.grid = new MailboxGrid(new SharedArrayBuffer(gridBytesFor(sizes)), sizes);
  }

  /** The host of a thread that comes to life now. */
  host(thread: number, adopt?: (id: ActorId) => Actor | undefined): ActorHost {
    assert.is(this.threads.claim(thread, thread + 1), thread);
    return new ActorHost({
      thread,
      flight: new Flight(this.threads, thread),
      ...(adopt && { adopt }),
      threads: this.threads,
      grid: this.grid,
      directory: (actor) => (actor >= NOBODY ? NO_THREAD : Math.floor((actor - ANNE) / 10)),
      onMembership: () => {
        this.membershipCalls++;
      },
    });
  }
}

/** Takes turns until nobody has anything to do. */
function settle(...hosts: ActorHost[]): void {
  for (let turns = 0; hosts.some((host) => host.turn()); turns++) {
    assert.ok(turns < 10_000, 'the hosts come to rest');
  }
}

function turnUntil(host: ActorHost, what: string, done: () => boolean): void {
  const latest = performance.now() + 10_000;
  while (!done()) {
    host.turn();
    assert.ok(performance.now() < latest, `within 10 s: ${what}`);
  }
}

interface Pair {
  readonly bench: Bench;
  readonly first: ActorHost;
  readonly second: ActorHost;
  readonly anne: ActorContext;
  readonly berta: ActorContext;
  readonly atAnne: Recorder;
  readonly atBerta: Recorder;
}

/** Threads 0 and 1 with one recorder each; both know of each other. */
function pair(ringWords = SIZES.ringWords): Pair {
  const bench = new Bench(ringWords);
  const [first, second] = [bench.host(0), bench.host(1)];
  const [atAnne, atBerta] = [new Recorder(), new Recorder()];
  const [anne, berta] = [first.add(ANNE, atAnne), second.add(BERTA, atBerta)];
  settle(first, second);
  return { bench, first, second, anne, berta, atAnne, atBerta };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

actorHost('starts an actor when it is added, and hosts an id once', () => {
  const { first, anne, atAnne } = pair();
  assert.is(atAnne.started, 1);
  assert.is(anne.self, ANNE);
  assert.throws(() => first.add(ANNE, new Recorder()), /hosted once/);
});

actorHost('carries messages to another thread in order, and names the sender', () => {
  const { first, second, anne, atBerta } = pair();
  for (const value of [1, 2, 3]) send(anne, BERTA, value);
  settle(first, second);
  assert.equal(atBerta.values, [1, 2, 3]);
  assert.equal(atBerta.senders, [ANNE, ANNE, ANNE]);
  assert.is(second.received, 3);
  assert.is(atBerta.instances.size, 1, 'one instance serves all');
});

actorHost('shows what was sent with the next flush or turn, and rings the receiver', () => {
  const { bench, first, second, anne, atBerta } = pair();
  const heard = bench.threads.prepareToSleep(1);
  send(anne, BERTA, 1);
  second.turn();
  assert.equal(atBerta.values, [], 'it is not published');
  first.flush();
  assert.is(bench.threads.sleepAsync(1, heard, 10_000), undefined, 'it was rung');
  bench.threads.awake(1);
  second.turn();
  assert.equal(atBerta.values, [1]);
});

actorHost('answers a request with the turn that received it', () => {
  const { first, second, anne, atAnne } = pair();
  second.add(BERTA + 1, new Doubler());
  for (const value of upTo(40)) send(anne, BERTA + 1, value);
  settle(first, second);
  assert.equal(
    atAnne.values,
    upTo(40).map((value) => 2 * value),
  );
});

actorHost('carries messages between actors of one thread', () => {
  const { first, anne, atAnne } = pair();
  first.add(ADAM, new Doubler());
  for (const value of upTo(1000)) send(anne, ADAM, value);
  settle(first);
  assert.equal(
    atAnne.values,
    upTo(1000).map((value) => 2 * value),
  );
  assert.ok(atAnne.senders.every((sender) => sender === ADAM));
});

actorHost('keeps what finds a mailbox full, and delivers it later in order', () => {
  const { first, second, anne, atBerta } = pair();
  const count = 10 * FITS;
  for (const value of upTo(count)) send(anne, BERTA, value);
  assert.is(first.untilTimer(), 1, 'it looks again soon');
  first.turn();
  second.turn();
  assert.equal(atBerta.values, upTo(FITS));
  send(anne, BERTA, count);
  settle(first, second);
  assert.equal(atBerta.values, upTo(count + 1), 'a later message does not overtake');
  assert.is(first.untilTimer(), Number.POSITIVE_INFINITY);
});

actorHost('keeps messages of different sizes in order when the small ones would fit', () => {
  const { first, second, anne, atBerta } = pair();
  for (const value of upTo(60)) send(anne, BERTA, value, (value * 7) % 25);
  settle(first, second);
  assert.equal(atBerta.values, upTo(60));
});

actorHost('lets messages to nobody vanish', () => {
  const { first, anne } = pair();
  send(anne, CLARA, 1);
  send(anne, NOBODY, 1);
  send(anne, ADAM, 1);
  settle(first);
  assert.is(first.untilTimer(), Number.POSITIVE_INFINITY);
});

actorHost('lets messages to the dead vanish, also those that waited for room', () => {
  const { bench, first, anne, atBerta } = pair();
  for (const value of upTo(3 * FITS)) send(anne, BERTA, value);
  bench.threads.markExited(1, bench.threads.incarnation(1));
  settle(first);
  assert.is(first.untilTimer(), Number.POSITIVE_INFINITY, 'nothing waits for room any more');
  for (const value of upTo(3 * FITS)) send(anne, BERTA, value);
  settle(first);
  assert.is(first.untilTimer(), Number.POSITIVE_INFINITY);
  assert.equal(atBerta.values, []);
});

actorHost('reaches a thread that came after it, and is reached by it', () => {
  const { bench, first, second, anne, atAnne } = pair();
  const third = bench.host(2);
  const atClara = new Recorder();
  const clara = third.add(CLARA, atClara);
  settle(first, second, third);
  send(anne, CLARA, 5);
  send(clara, ANNE, 6);
  settle(first, second, third);
  assert.equal(atClara.values, [5]);
  assert.equal(atAnne.values, [6]);
});

actorHost('tells of threads that come or go, once a change', () => {
  const { bench, first } = pair();
  const before = bench.membershipCalls;
  first.turn();
  assert.is(bench.membershipCalls, before);
  bench.threads.markExited(1, bench.threads.incarnation(1));
  first.turn();
  first.turn();
  assert.is(bench.membershipCalls, before + 1);
});

actorHost('keeps what waits for room when a third thread comes or goes', () => {
  const { bench, first, second, anne, atBerta } = pair();
  for (const value of upTo(3 * FITS)) send(anne, BERTA, value);
  const third = bench.host(2);
  first.turn();
  bench.threads.release(2);
  settle(first, second);
  assert.equal(atBerta.values, upTo(3 * FITS));
  assert.is(third.received, 0);
});

actorHost('gives the next tenant of an index nothing that waited for the one before', () => {
  const { bench, first, anne } = pair();
  for (const value of upTo(3 * FITS)) send(anne, BERTA, value);
  first.turn();
  bench.threads.release(1);
  // The sender does not get a turn between the two.
  const successor = bench.host(1);
  const atSuccessor = new Recorder();
  successor.add(BERTA, atSuccessor);
  settle(first, successor);
  // What was already published in the ring is told apart by the numbers of the requests.
  assert.equal(atSuccessor.values, upTo(FITS));
  send(anne, BERTA, 99);
  settle(first, successor);
  assert.equal(atSuccessor.values, [...upTo(FITS), 99]);
});

actorHost('fires a timer once, in a turn after it is due', () => {
  const { first, anne, atAnne } = pair();
  anne.after(0, TIMER);
  assert.equal(atAnne.timers, [], 'not within the call');
  assert.ok(first.untilTimer() <= 0);
  turnUntil(first, 'the timer', () => atAnne.timers.length > 0);
  settle(first);
  assert.equal(atAnne.timers, [TIMER]);
  assert.is(first.untilTimer(), Number.POSITIVE_INFINITY);
});

actorHost('does not fire a timer before it is due', () => {
  const { first, anne, atAnne } = pair();
  const delayMs = 1_000_000;
  anne.after(delayMs, TIMER);
  for (let turns = 0; turns < 100; turns++) assert.is(first.turn(), false);
  assert.equal(atAnne.timers, []);
  assert.ok(first.untilTimer() > 0 && first.untilTimer() <= delayMs);
});

actorHost('gives each actor its own timers, in the order they are due', () => {
  const { first, anne, atAnne } = pair();
  const atAdam = new Recorder();
  const adam = first.add(ADAM, atAdam);
  adam.after(2, 3);
  anne.after(1, 2);
  anne.after(0, 1);
  turnUntil(first, 'the last timer', () => atAdam.timers.length > 0);
  assert.equal(atAnne.timers, [1, 2]);
  assert.equal(atAdam.timers, [3]);
});

actorHost('shows what a long batch sends before the batch ends', () => {
  const { bench, first, second, anne, atAnne } = pair(1024);
  /** For each message: whether replies to earlier ones could be seen at that time. */
  const shown: boolean[] = [];
  class Watched extends Doubler {
    override receive(message: Message, context: ActorContext): void {
      shown.push(bench.grid.receiver(1, 0).waiting);
      super.receive(message, context);
    }
  }
  second.add(BERTA + 1, new Watched());
  for (const value of upTo(100)) send(anne, BERTA + 1, value);
  first.flush();
  second.turn();
  assert.is(shown.length, 100, 'it is one batch');
  assert.is(shown[0], false);
  assert.is(shown[99], true);
  settle(first);
  assert.equal(
    atAnne.values,
    upTo(100).map((value) => 2 * value),
  );
});

actorHost('is in flight from the first message of a turn on, whatever happens in it', () => {
  const { bench, first, second, berta } = pair();
  assert.not(bench.threads.inFlight(0));
  const flights: boolean[] = [];
  let fails = false;
  first.add(ADAM, {
    role: 'looks',
    receive: () => {
      flights.push(bench.threads.inFlight(0));
      if (fails) throw new Error('broken by a message');
    },
  });
  send(berta, ADAM, 1);
  settle(second, first);
  assert.equal(flights, [true]);
  assert.not(bench.threads.inFlight(0), 'a turn has an end');
  const before = bench.threads.flight(0);
  first.turn();
  assert.is(bench.threads.flight(0), before, 'looking for work is no flight');
  fails = true;
  send(berta, ADAM, 2);
  second.turn();
  assert.throws(() => first.turn(), /broken by a message/);
  assert.not(bench.threads.inFlight(0));
});

actorHost('adopts the actor of a message that has come to live here, once', () => {
  const bench = new Bench();
  const adopted: ActorId[] = [];
  const recorder = new Recorder();
  const first = bench.host(0, (id) => {
    if (id !== ADAM) return undefined;
    adopted.push(id);
    return recorder;
  });
  const second = bench.host(1);
  const berta = second.add(BERTA, new Recorder());
  settle(first, second);
  send(berta, ADAM, 1);
  send(berta, ADAM, 2);
  send(berta, ANNE, 3);
  settle(second, first);
  assert.equal(adopted, [ADAM]);
  assert.equal([recorder.started, recorder.values], [1, [1, 2]]);
  assert.is(first.received, 3, 'what is for nobody is taken from the mailbox all the same');
});

actorHost.run();
