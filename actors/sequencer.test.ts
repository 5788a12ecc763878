import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateSequencer, SequencerMemory } from '../shared-memory/sequencer-memory.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { ActorContext } from './actor.ts';
import { STREAMS_PER_ENTRY_MAX } from './config.ts';
import { type ActorId, Message, MessageType } from './message.ts';
import {
  type LogCapacity,
  REPLACED,
  SEQUENCER_BUSY,
  Sequencer,
  SequencerSteps,
  TOO_MANY_STREAMS,
  URGENT,
} from './sequencer.ts';
import { Backpointers, streamOfHeader } from './stream-header.ts';

const { OK, SEALED, FULL } = SlotOutcome;
const SELF: ActorId = 1;
const CLIENT: ActorId = 0x8000;
/** Incarnations of threads that take the sequencer's steps. */
const [SERVER, OTHER] = [11, 12];

const sequencer = suite('sequencer');

interface Reply {
  readonly type: number;
  readonly outcome: number;
  readonly position: number;
  readonly value: number;
  readonly extra: Int32Array;
  /** The tail in shared memory when the reply left. */
  readonly tailThen: number;
}

interface Request {
  readonly epoch?: number;
  readonly streams?: readonly number[];
  readonly value?: number;
}

const ROOMY: LogCapacity = { limit: () => 2 ** 40, urgentLimit: () => 2 ** 40 };

function builtMemory(k: number, streamsMax: number): SequencerMemory {
  const memory = new SequencerMemory(allocateSequencer({ backpointers: k, streamsMax }));
  memory.setBuilt(1);
  return memory;
}

/** A sequencer that serves epoch 1, and the world around it. */
class Bench implements ActorContext {
  readonly self = SELF;
  readonly memory: SequencerMemory;
  readonly k: number;
  steps!: SequencerSteps;
  #actor!: Sequencer;
  #reply: Reply | undefined;
  #operation = 0;

  constructor(k = 4, capacity = ROOMY, streamsMax = 100, memory = builtMemory(k, streamsMax)) {
    this.k = k;
    this.memory = memory;
    this.serveWith(capacity);
  }

  /** As a thread that has just begun to serve. */
  serveWith(capacity: LogCapacity, incarnation = SERVER): void {
    this.steps = new SequencerSteps(this.memory, capacity, incarnation);
    this.#actor = new Sequencer(this.steps);
  }

  now(): number {
    return 0;
  }

  random(): number {
    return 0;
  }

  after(): void {
    throw new Error('the sequencer needs no timer');
  }

  send(message: Message): void {
    assert.is(this.#reply, undefined, 'a request has one reply');
    assert.is(message.to, CLIENT);
    assert.is(message.operation, this.#operation);
    const { type, outcome, position, value, extraCount } = message;
    const extra = message.extra.slice(0, extraCount);
    this.#reply = { type, outcome, position, value, extra, tailThen: this.memory.tail() };
  }

  ask(type: number, { epoch = 1, streams = [], value = 0 }: Request = {}): Reply {
    const message = new Message();
    message.type = type;
    message.from = CLIENT;
    message.to = SELF;
    message.operation = ++this.#operation;
    message.epoch = epoch;
    message.value = value;
    message.extraCount = streams.length;
    message.extra.set(streams);
    this.#reply = undefined;
    this.#actor.receive(message, this);
    const reply = this.#reply as Reply | undefined;
    if (reply === undefined) throw new Error(`no reply to type ${type}`);
    return reply;
  }

  next(streams: readonly number[] = [], value = 0): Reply {
    return this.ask(MessageType.SEQUENCER_NEXT, { streams, value });
  }

  tails(stream: number, epoch = 1): Reply {
    return this.ask(MessageType.SEQUENCER_TAILS, { streams: [stream], epoch });
  }

  /** Stream and earlier positions of the i-th header of a reply. */
  header(reply: Reply, i = 0): [stream: number, positions: number[], complete: boolean] {
    const at = i * (1 + this.k / 2);
    const pointers = new Backpointers(this.k);
    pointers.decode(reply.extra, at, reply.position);
    const positions = [...pointers.positions.subarray(0, pointers.count)];
    return [streamOfHeader(reply.extra, at), positions, pointers.complete];
  }
}

sequencer('grants every position once, in ascending order', () => {
  const bench = new Bench();
  for (let expected = 0; expected < 100; expected++) {
    const reply = bench.next();
    assert.is(reply.type, MessageType.SEQUENCER_GRANTED);
    assert.equal([reply.outcome, reply.position, reply.value], [OK, expected, 0]);
    assert.is(reply.extra.length, 0);
  }
  assert.is(bench.memory.tail(), 100);
});

sequencer('raises the tail before the token leaves', () => {
  const bench = new Bench();
  for (let i = 0; i < 5; i++) {
    const reply = bench.next([7]);
    assert.is(reply.tailThen, reply.position + 1);
  }
});

sequencer('goes on above the tail that its memory holds', () => {
  const bench = new Bench();
  bench.memory.setTail(2 ** 40);
  bench.serveWith({ limit: () => 2 ** 41, urgentLimit: () => 2 ** 41 });
  assert.is(bench.next([3]).position, 2 ** 40);
  assert.equal(bench.header(bench.next([3])), [3, [2 ** 40], true]);
});

sequencer('refuses a sealed epoch and changes nothing', () => {
  const bench = new Bench();
  bench.memory.seal(4);
  for (const epoch of [1, 3, 4]) {
    const reply = bench.ask(MessageType.SEQUENCER_NEXT, { epoch, streams: [7] });
    assert.equal([reply.outcome, reply.extra.length], [SEALED, 0]);
    assert.is(bench.tails(7, epoch).outcome, SEALED, 'a stale check is refused as well');
    assert.is(bench.steps.nextPosition(epoch), -1);
  }
  assert.is(bench.memory.tail(), 0);
  assert.is(bench.memory.streamsKnown, 0);
  for (const epoch of [5, 6]) {
    assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch }).outcome, OK, 'it goes on above');
  }
});

sequencer('refuses everybody until its state is built', () => {
  const memory = new SequencerMemory(allocateSequencer({ backpointers: 4, streamsMax: 100 }));
  const bench = new Bench(4, ROOMY, 100, memory);
  assert.is(bench.next([7]).outcome, SEQUENCER_BUSY);
  assert.is(bench.tails(1).outcome, SEQUENCER_BUSY);
  assert.is(bench.steps.nextPosition(1), -1);
  assert.equal([memory.tail(), memory.streamsKnown, memory.lockOwner()], [0, 0, 0]);
  memory.setBuilt(1);
  assert.is(bench.next([7]).outcome, OK);
});

sequencer('stops serving an epoch that is sealed; the tail stays for the sealer to read', () => {
  const bench = new Bench();
  bench.next();
  bench.next();
  const sealed = bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 1 });
  assert.equal([sealed.type, sealed.outcome], [MessageType.SEQUENCER_SEALED, OK]);
  assert.is(bench.memory.sealedEpoch(), 1);
  assert.is(bench.next().outcome, SEALED);
  assert.is(bench.tails(1).outcome, SEALED);
  assert.is(bench.memory.tail(), 2);
  assert.is(bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 1 }).outcome, OK, 'again, the same');
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 2 }).position, 2, 'no build was asked');
});

sequencer('that is replaced serves nobody before it was built for the next epoch', () => {
  const bench = new Bench();
  bench.next([7]);
  bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 3, value: REPLACED });
  assert.is(bench.memory.requiredBuild(), 4);
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 3 }).outcome, SEALED);
  const early = bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 4, streams: [8] });
  assert.is(early.outcome, SEQUENCER_BUSY, 'not sealed, not built');
  assert.is(bench.steps.nextPosition(4), -1);
  assert.equal([bench.memory.tail(), bench.memory.streamsKnown], [1, 1]);
  bench.memory.setBuilt(4);
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 4 }).outcome, OK);
});

sequencer('is not stopped by the seal of an older epoch', () => {
  const bench = new Bench();
  bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 2 });
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 3 }).outcome, OK);
  bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 7 });
  bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 2, value: REPLACED });
  assert.is(bench.memory.sealedEpoch(), 7);
  assert.is(bench.memory.requiredBuild(), 3);
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 3 }).outcome, SEALED);
});

sequencer('is busy while another thread is inside, and leaves its lock alone', () => {
  const bench = new Bench();
  assert.ok(bench.memory.tryLock(OTHER));
  assert.is(bench.next([7]).outcome, SEQUENCER_BUSY);
  assert.is(bench.tails(7).outcome, SEQUENCER_BUSY);
  assert.is(bench.steps.nextPosition(1), -1);
  assert.is(bench.memory.lockOwner(), OTHER);
  assert.equal([bench.memory.tail(), bench.memory.streamsKnown], [0, 0]);
  assert.is(
    bench.ask(MessageType.SEQUENCER_SEAL, { epoch: 1 }).outcome,
    OK,
    'a seal needs no lock',
  );
  assert.is(bench.memory.sealedEpoch(), 1);
  bench.memory.unlock();
  assert.is(bench.ask(MessageType.SEQUENCER_NEXT, { epoch: 2, streams: [7] }).position, 0);
});

sequencer('enters under its incarnation and leaves the lock free, whatever it answers', () => {
  const owners: number[] = [];
  const bench = new Bench();
  bench.serveWith({
    limit: () => {
      owners.push(bench.memory.lockOwner());
      return 2;
    },
    urgentLimit: () => 2,
  });
  const outcomes = [1, 2, 3].map(() => {
    const { outcome } = bench.next();
    assert.is(bench.memory.lockOwner(), 0);
    return outcome;
  });
  assert.equal(outcomes, [OK, OK, FULL]);
  bench.memory.seal(1);
  assert.is(bench.next().outcome, SEALED);
  assert.is(bench.memory.lockOwner(), 0);
  assert.ok(owners.length > 0 && owners.every((owner) => owner === SERVER));
});

sequencer('gives two threads that take its steps one order of positions and streams', () => {
  const bench = new Bench();
  const other = new SequencerSteps(bench.memory, ROOMY, OTHER);
  bench.next([7]);
  const [request, reply] = [new Message(), new Message()];
  request.type = MessageType.SEQUENCER_NEXT;
  request.epoch = 1;
  request.extra[0] = 7;
  request.extraCount = 1;
  other.serve(request, reply);
  assert.equal([reply.outcome, reply.position], [OK, 1]);
  assert.equal(bench.header(bench.next([7])), [7, [1, 0], true]);
});

sequencer('takes a next position without a message once the limit is known', () => {
  const bench = new Bench(4, { limit: () => 5, urgentLimit: () => 6 });
  assert.is(bench.steps.nextPosition(1), -1, 'it has not asked for the limit yet');
  assert.is(bench.memory.tail(), 0);
  assert.is(bench.next([7]).position, 0);
  for (const expected of [1, 2, 3]) {
    assert.is(bench.steps.nextPosition(1), expected);
    assert.equal([bench.memory.tail(), bench.memory.lockOwner()], [expected + 1, 0]);
  }
  assert.is(bench.steps.nextPosition(2), -1, 'the limit of another projection');
  assert.equal(bench.header(bench.next([7])), [7, [0], true]);
  assert.is(bench.steps.nextPosition(1), -1, 'at the limit: serve says FULL');
  assert.equal([bench.next().outcome, bench.memory.tail()], [FULL, 5]);
  assert.is(bench.memory.lockOwner(), 0);
});

sequencer('takes no next position of an epoch that was sealed after it had served it', () => {
  const bench = new Bench();
  bench.next();
  assert.is(bench.steps.nextPosition(1), 1);
  bench.memory.seal(1);
  assert.is(bench.steps.nextPosition(1), -1);
  assert.equal([bench.memory.tail(), bench.memory.lockOwner()], [2, 0]);
});

sequencer('is full at the limit, save for urgent entries, which stop at theirs', () => {
  const bench = new Bench(4, { limit: () => 2, urgentLimit: () => 3 });
  assert.equal([bench.next().outcome, bench.next().outcome], [OK, OK]);
  assert.is(bench.next([7]).outcome, FULL);
  assert.is(bench.memory.tail(), 2);
  assert.is(bench.memory.streamsKnown, 0, 'a refused request adds no stream');
  const urgent = bench.next([7], URGENT);
  assert.equal([urgent.outcome, urgent.position], [OK, 2]);
  assert.is(bench.next([], URGENT).outcome, FULL);
  assert.is(bench.next().outcome, FULL);
  assert.is(bench.memory.tail(), 3);
});

sequencer('grants again when a trim has moved the limit', () => {
  let limit = 1;
  const bench = new Bench(4, { limit: () => limit, urgentLimit: () => limit });
  bench.next();
  assert.is(bench.next().outcome, FULL);
  limit = 2;
  assert.equal([bench.next().outcome, bench.next().outcome], [OK, FULL]);
});

sequencer('asks for the limit only when it has come to the last one it saw', () => {
  let asked = 0;
  const limit = (): number => {
    asked++;
    return 50;
  };
  const bench = new Bench(4, { limit, urgentLimit: limit });
  for (let i = 0; i < 50; i++) bench.next();
  assert.is(asked, 1);
});

for (const k of [4, 8, 12, 16]) {
  sequencer(`gives each stream its last ${k} positions, whatever lies between`, () => {
    const bench = new Bench(k);
    const history = new Map<number, number[]>();
    for (let i = 0; i < 200; i++) {
      const streams = i % 5 === 0 ? [] : [i % 3, 3 + (i % 7)];
      const reply = bench.next(streams);
      assert.is(reply.extra.length, streams.length * (1 + k / 2));
      for (const [at, stream] of streams.entries()) {
        const earlier = history.get(stream) ?? [];
        const expected = [stream, earlier.slice(0, k), earlier.length < k];
        assert.equal(bench.header(reply, at), expected);
        history.set(stream, [reply.position, ...earlier]);
      }
    }
  });
}

sequencer('counts a token at issue: its position is in the next header, written or not', () => {
  const bench = new Bench();
  const lost = bench.next([9]);
  assert.equal(bench.header(bench.next([9])), [9, [lost.position], true]);
});

sequencer('takes the largest number of streams an entry may have, and no more', () => {
  const bench = new Bench(16);
  const streams = Array.from({ length: STREAMS_PER_ENTRY_MAX + 1 }, (_, stream) => stream);
  const refused = bench.next(streams);
  assert.equal([refused.outcome, refused.extra.length], [TOO_MANY_STREAMS, 0]);
  assert.is(bench.memory.tail(), 0);
  assert.is(bench.memory.streamsKnown, 0);
  const granted = bench.next(streams.slice(1));
  assert.is(granted.outcome, OK);
  assert.equal(bench.header(granted, STREAMS_PER_ENTRY_MAX - 1), [STREAMS_PER_ENTRY_MAX, [], true]);
});

sequencer(
  'refuses an entry whose new streams do not all fit the table, and changes nothing',
  () => {
    const bench = new Bench(4, ROOMY, 3);
    bench.next([1]);
    bench.next([2]);
    assert.is(bench.next([1, 3, 4]).outcome, TOO_MANY_STREAMS);
    assert.is(bench.memory.streamsKnown, 2);
    assert.is(bench.memory.tail(), 2);
    assert.equal(bench.header(bench.next([1, 3])), [1, [0], true], 'the known one was not linked');
    assert.is(bench.next([5]).outcome, TOO_MANY_STREAMS);
    assert.is(bench.next([3, 2]).outcome, OK, 'known streams go on');
  },
);

sequencer('knows stream 0 and the highest stream apart', () => {
  const bench = new Bench();
  const [lowest, highest] = [0, 0x7fff_ffff];
  bench.next([lowest]);
  bench.next([highest]);
  const reply = bench.next([lowest, highest]);
  assert.equal(bench.header(reply, 0), [lowest, [0], true]);
  assert.equal(bench.header(reply, 1), [highest, [1], true]);
});

sequencer('tells tails without moving them', () => {
  const bench = new Bench();
  bench.next([5]);
  bench.next([6]);
  bench.next([5]);
  for (let repeat = 0; repeat < 2; repeat++) {
    const reply = bench.tails(5);
    assert.equal(
      [reply.type, reply.outcome, reply.position],
      [MessageType.SEQUENCER_TOLD_TAILS, OK, 3],
    );
    assert.equal(bench.header(reply), [5, [2, 0], true]);
  }
  assert.is(bench.memory.tail(), 3);
});

sequencer('tells of a stream that has no entry, without adding it', () => {
  const bench = new Bench();
  bench.next();
  const reply = bench.tails(77);
  assert.equal([reply.outcome, reply.position], [OK, 1]);
  assert.equal(bench.header(reply), [77, [], true]);
  assert.is(bench.memory.streamsKnown, 0);
});

sequencer('links positions further apart than 65,535 in the absolute format', () => {
  const bench = new Bench();
  bench.next([5]);
  bench.memory.setTail(70_000);
  bench.serveWith(ROOMY);
  const reply = bench.next([5]);
  assert.is(reply.position, 70_000);
  assert.equal(bench.header(reply).slice(0, 2), [5, [0]]);
});

sequencer.run();
