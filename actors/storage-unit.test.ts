import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Quiescence } from '../shared-memory/quiescence.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../shared-memory/thread-table.ts';
import { allocateUnit, UnitMemory, type UnitSizes } from '../shared-memory/unit-memory.ts';
import type { ActorContext } from './actor.ts';
import { type ActorId, Message, MessageType } from './message.ts';
import { StorageUnit } from './storage-unit.ts';

const { OK, WRITTEN, JUNK, TRIMMED, UNWRITTEN, SEALED, FULL } = SlotOutcome;
const { UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_FORGET } = MessageType;
const { UNIT_SEAL, UNIT_SEALED, UNIT_RECLAIM } = MessageType;
const REQUESTS = { UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_FORGET } as const;

const SIZES: UnitSizes = {
  streamHeaderWords: 3,
  slotCount: 64,
  chunkBytes: 16 * 1024,
  chunkCount: 4,
  headroomChunks: 1,
};
const UNIT: ActorId = 0x1000;
const CLIENT: ActorId = 0x8001;
const REFERENCE = 4096;
/** Threads of the table that announce operations. */
const [ANNE, BERTA] = [0, 1];

const storageUnit = suite('storage unit');

interface Reply {
  readonly type: number;
  readonly to: ActorId;
  readonly operation: number;
  readonly epoch: number;
  readonly position: number;
  readonly outcome: number;
  readonly value: number;
}

/** A unit with its memory, and the world around it that notes what the unit does. */
class Bench implements ActorContext {
  readonly self = UNIT;
  readonly memory = new UnitMemory(allocateUnit(SIZES));
  readonly threads = new ThreadTable(allocateThreadTable(3));
  readonly replies: Reply[] = [];
  timers: number[] = [];
  /** The number of the unit's stay here. */
  stay = 1;
  unit = this.newUnit();
  #operation = 0;

  newUnit(): StorageUnit {
    const { memory, threads } = this;
    const quiescence = new Quiescence(threads);
    return new StorageUnit({ memory, quiescence, tenure: () => this.stay });
  }

  now(): number {
    return 0;
  }

  random(): number {
    return 0;
  }

  send(message: Message): void {
    const { type, to, operation, epoch, position, outcome, value } = message;
    this.replies.push({ type, to, operation, epoch, position, outcome, value });
  }

  after(_delayMs: number, timer: number): void {
    this.timers.push(timer);
  }

  /** Sends a request; what comes back at once is the last of `replies`. Returns its number. */
  request(type: number, position: number, epoch: number, from = CLIENT): number {
    const message = new Message();
    message.type = type;
    message.from = from;
    message.to = UNIT;
    message.operation = ++this.#operation;
    message.epoch = epoch;
    message.position = position;
    message.value = type === UNIT_WRITE ? REFERENCE : 0;
    this.unit.receive(message, this);
    return message.operation;
  }

  /** The reply to a request that is answered at once. */
  ask(type: number, position: number, epoch = 1): Reply {
    const before = this.replies.length;
    const operation = this.request(type, position, epoch);
    assert.is(this.replies.length, before + 1, 'a request has one reply');
    const reply = this.replies[before];
    assert.is(reply.to, CLIENT);
    assert.is(reply.operation, operation);
    return reply;
  }

  /** What a sealer does: seals, then waits for whoever was in flight at that moment. */
  seal(epoch: number): { reply: Reply; drained: () => boolean } {
    const reply = this.ask(UNIT_SEAL, 0, epoch);
    const quiescence = new Quiescence(this.threads);
    quiescence.begin();
    return { reply, drained: () => quiescence.passed() };
  }

  /** Fires the timers that are set. */
  tick(): void {
    const due = this.timers;
    this.timers = [];
    for (const timer of due) this.unit.onTimer(timer, this);
  }

  /** Lets everything end that waits for nobody. */
  finish(): void {
    while (this.timers.length > 0) this.tick();
  }
}

/** States of an address, with the way there. Address 5 has unwritten ones below. */
const STATES: Record<string, { address: number; reach: (bench: Bench) => void }> = {
  unwritten: { address: 5, reach: () => {} },
  written: { address: 5, reach: (bench) => bench.ask(UNIT_WRITE, 5) },
  junk: { address: 5, reach: (bench) => bench.ask(UNIT_FILL, 5) },
  trimmed: {
    address: 5,
    reach: (bench) => {
      bench.ask(UNIT_WRITE, 5);
      bench.ask(UNIT_TRIM, 5);
    },
  },
  'below the watermark': { address: 5, reach: (bench) => bench.ask(UNIT_TRIM_PREFIX, 9) },
  'beyond the window': { address: SIZES.slotCount, reach: () => {} },
};

/** State, then per request its outcome and what a look at the address tells afterwards. */
const TABLE: [string, Record<keyof typeof REQUESTS, [outcome: SlotOutcome, after: SlotOutcome]>][] =
  [
    [
      'unwritten',
      {
        UNIT_WRITE: [OK, WRITTEN],
        UNIT_FILL: [OK, JUNK],
        UNIT_TRIM: [UNWRITTEN, UNWRITTEN],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [OK, TRIMMED],
      },
    ],
    [
      'written',
      {
        UNIT_WRITE: [WRITTEN, WRITTEN],
        UNIT_FILL: [WRITTEN, WRITTEN],
        UNIT_TRIM: [OK, TRIMMED],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [OK, TRIMMED],
      },
    ],
    [
      'junk',
      {
        UNIT_WRITE: [JUNK, JUNK],
        UNIT_FILL: [JUNK, JUNK],
        UNIT_TRIM: [OK, TRIMMED],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [OK, TRIMMED],
      },
    ],
    [
      'trimmed',
      {
        UNIT_WRITE: [TRIMMED, TRIMMED],
        UNIT_FILL: [TRIMMED, TRIMMED],
        UNIT_TRIM: [OK, TRIMMED],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [OK, TRIMMED],
      },
    ],
    [
      'below the watermark',
      {
        UNIT_WRITE: [TRIMMED, TRIMMED],
        UNIT_FILL: [TRIMMED, TRIMMED],
        UNIT_TRIM: [OK, TRIMMED],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [OK, TRIMMED],
      },
    ],
    [
      'beyond the window',
      {
        UNIT_WRITE: [FULL, UNWRITTEN],
        UNIT_FILL: [FULL, UNWRITTEN],
        UNIT_TRIM: [UNWRITTEN, UNWRITTEN],
        UNIT_TRIM_PREFIX: [OK, TRIMMED],
        UNIT_FORGET: [FULL, UNWRITTEN],
      },
    ],
  ];

const KINDS = Object.keys(REQUESTS) as (keyof typeof REQUESTS)[];

for (const [state, row] of TABLE) {
  for (const kind of KINDS) {
    const [outcome, after] = row[kind];
    const { address, reach } = STATES[state];
    const argument = kind === 'UNIT_TRIM_PREFIX' ? address + 1 : address;
    storageUnit(`answers ${kind} at an address ${state} as CORFU 1.2 says`, () => {
      const bench = new Bench();
      reach(bench);
      const reply = bench.ask(REQUESTS[kind], argument);
      assert.is(reply.type, REQUESTS[kind] + 1);
      assert.is(reply.outcome, outcome);
      assert.is(reply.position, argument);
      bench.finish();
      assert.is(bench.memory.slots.look(address), after);
    });
    for (const epoch of [3, 2]) {
      storageUnit(`refuses ${kind} ${state} in epoch ${epoch} once epoch 3 is sealed`, () => {
        const bench = new Bench();
        reach(bench);
        const before = bench.memory.slots.look(address);
        const watermark = bench.memory.slots.watermark();
        bench.ask(UNIT_SEAL, 0, 3);
        const reply = bench.ask(REQUESTS[kind], argument, epoch);
        assert.is(reply.type, REQUESTS[kind] + 1);
        assert.is(reply.outcome, SEALED);
        assert.is(reply.value, 3, 'the refusal tells the sealed epoch');
        assert.is(bench.memory.slots.look(address), before);
        assert.is(bench.memory.slots.watermark(), watermark);
      });
    }
    storageUnit(
      `serves ${kind} ${state} in an epoch above the sealed one, installed or not`,
      () => {
        const bench = new Bench();
        reach(bench);
        bench.ask(UNIT_SEAL, 0, 3);
        assert.is(bench.ask(REQUESTS[kind], argument, 9).outcome, outcome);
        bench.finish();
        assert.is(bench.memory.slots.look(address), after);
      },
    );
  }
}

storageUnit('serves every epoch above 0 until it is sealed', () => {
  const bench = new Bench();
  assert.is(bench.ask(UNIT_WRITE, 0, 7).outcome, OK);
  assert.is(bench.ask(UNIT_WRITE, 1, 1).outcome, OK, 'it was not touched by any reconfiguration');
  assert.is(bench.ask(UNIT_WRITE, 2, 0).outcome, SEALED, 'there is no epoch 0');
});

storageUnit('publishes the reference of the write that won', () => {
  const bench = new Bench();
  bench.ask(UNIT_WRITE, 5);
  assert.is(bench.memory.slots.load(5), REFERENCE);
});

storageUnit('answers a seal with the sealed epoch, which it has raised by then', () => {
  const bench = new Bench();
  bench.ask(UNIT_WRITE, 0);
  bench.ask(UNIT_WRITE, 11);
  const reply = bench.ask(UNIT_SEAL, 0, 4);
  assert.equal([reply.type, reply.outcome, reply.epoch, reply.value], [UNIT_SEALED, OK, 4, 4]);
  assert.is(bench.memory.slots.sealedEpoch(), 4);
  assert.is(bench.memory.slots.writtenLimit(), 12, 'for the sealer to read');
});

storageUnit('counts junk, forgotten and trimmed addresses in the written limit', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  bench.ask(UNIT_WRITE, 2);
  bench.ask(UNIT_FILL, 7);
  bench.ask(UNIT_SEAL, 0, 1);
  assert.is(slots.writtenLimit(), 8, 'junk counts');
  bench.ask(UNIT_FILL, 9, 2);
  bench.ask(UNIT_TRIM, 9, 2);
  bench.ask(UNIT_SEAL, 0, 2);
  assert.is(slots.writtenLimit(), 10, 'what was trimmed counts');
  bench.ask(UNIT_FORGET, 14, 3);
  bench.ask(UNIT_SEAL, 0, 3);
  assert.is(slots.writtenLimit(), 15, 'what was forgotten counts');
  bench.ask(UNIT_TRIM_PREFIX, 20, 4);
  bench.ask(UNIT_SEAL, 0, 4);
  assert.is(slots.writtenLimit(), 20, 'what was trimmed unwritten counts');
});

storageUnit('answers the seal of the same epoch again, for a racing reconfigurer', () => {
  const bench = new Bench();
  bench.ask(UNIT_FILL, 3);
  for (let repeat = 0; repeat < 3; repeat++) {
    const reply = bench.ask(UNIT_SEAL, 0, 2);
    assert.equal([reply.outcome, reply.value], [OK, 2]);
    assert.is(bench.memory.slots.writtenLimit(), 4);
  }
});

storageUnit('refuses the seal of a lower epoch, and tells the sealed one', () => {
  const bench = new Bench();
  bench.ask(UNIT_SEAL, 0, 5);
  const reply = bench.ask(UNIT_SEAL, 0, 4);
  assert.equal([reply.type, reply.outcome, reply.value], [UNIT_SEALED, SEALED, 5]);
  assert.is(bench.memory.slots.sealedEpoch(), 5);
});

storageUnit('answers a seal at once; the sealer waits for what is in flight, then reads', () => {
  const bench = new Bench();
  bench.threads.announce(ANNE);
  const { reply, drained } = bench.seal(1);
  assert.is(reply.outcome, OK);
  assert.is(bench.ask(UNIT_WRITE, 0, 1).outcome, SEALED, 'nothing new is served from then on');
  assert.is(bench.memory.slots.writtenLimit(), 0);
  assert.not(drained(), 'it is still in flight');
  // The operation in flight decides an address before it leaves.
  bench.memory.slots.tryJunk(30);
  assert.not(drained());
  bench.threads.leave(ANNE);
  assert.ok(drained());
  assert.is(bench.memory.slots.writtenLimit(), 31, 'the written limit is read after the drain');
  assert.equal(bench.timers, [], 'the unit itself waits for nothing');
});

storageUnit('does not let a sealer wait for whoever begins after the seal', () => {
  const bench = new Bench();
  const { drained } = bench.seal(1);
  bench.threads.announce(ANNE);
  assert.ok(drained(), 'it sees the seal');
});

storageUnit('answers several sealers, each of whom waits for its own moment', () => {
  const bench = new Bench();
  bench.threads.announce(ANNE);
  const first = bench.seal(1);
  bench.threads.announce(BERTA);
  const second = bench.seal(2);
  assert.equal([first.reply.value, second.reply.value], [1, 2]);
  bench.threads.leave(ANNE);
  assert.ok(first.drained());
  assert.not(second.drained());
  bench.threads.leave(BERTA);
  assert.ok(second.drained());
});

storageUnit('lets a sealer go on once the thread that was in flight has exited', () => {
  const bench = new Bench();
  bench.threads.claim(ANNE, ANNE + 1);
  bench.threads.announce(ANNE);
  const { drained } = bench.seal(1);
  assert.not(drained());
  bench.threads.markExited(ANNE, bench.threads.incarnation(ANNE));
  assert.ok(drained());
});

storageUnit('moves the watermark behind what is trimmed one by one, without a gap', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  for (let address = 0; address < 4; address++) bench.ask(UNIT_WRITE, address);
  bench.ask(UNIT_TRIM, 1);
  assert.is(slots.watermark(), 0);
  bench.ask(UNIT_TRIM, 0);
  assert.is(slots.watermark(), 2);
  bench.finish();
  assert.is(slots.addressLimit(), slots.count + 2, 'nobody was in flight');
});

storageUnit('reclaims what is trimmed only after everybody in flight has left', () => {
  const bench = new Bench();
  const { slots, chunks } = bench.memory;
  const chunk = chunks.lease(1, 64, false);
  chunks.setUsedLimit(chunk, 3);
  chunks.retire(chunk);
  bench.ask(UNIT_WRITE, 0);
  bench.threads.announce(ANNE);
  bench.ask(UNIT_TRIM_PREFIX, 3);
  assert.is(slots.watermark(), 3, 'the trim itself does not wait');
  bench.tick();
  assert.is(slots.addressLimit(), slots.count);
  assert.is(slots.load(0), REFERENCE);
  assert.is(chunks.freeCount(), 3);
  // Whoever begins now sees the watermark and is not waited for.
  bench.threads.announce(BERTA);
  bench.threads.leave(ANNE);
  bench.tick();
  assert.is(slots.addressLimit(), slots.count + 3);
  assert.is(slots.load(0), 0);
  assert.is(chunks.freeCount(), 4);
  assert.equal(bench.timers, []);
});

storageUnit('reclaims what was trimmed while it waited, too', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  bench.threads.announce(ANNE);
  bench.ask(UNIT_TRIM_PREFIX, 3);
  bench.ask(UNIT_TRIM_PREFIX, 6);
  assert.is(bench.timers.length, 1, 'one wait serves both');
  bench.threads.leave(ANNE);
  bench.finish();
  assert.is(slots.addressLimit(), slots.count + 6);
});

storageUnit('reuses the slots of a lap that was trimmed', () => {
  const bench = new Bench();
  for (let lap = 0; lap < 5; lap++) {
    const start = lap * SIZES.slotCount;
    for (let i = 0; i < SIZES.slotCount; i++) {
      assert.is(bench.ask(UNIT_WRITE, start + i).outcome, OK);
    }
    assert.is(bench.ask(UNIT_WRITE, start + SIZES.slotCount).outcome, FULL);
    bench.ask(UNIT_TRIM_PREFIX, start + SIZES.slotCount);
    bench.finish();
  }
});

storageUnit('finishes the reclaim of a predecessor that died after the trim', () => {
  const bench = new Bench();
  const { slots, chunks } = bench.memory;
  const chunk = chunks.lease(1, 64, false);
  chunks.setUsedLimit(chunk, 4);
  chunks.retire(chunk);
  bench.ask(UNIT_WRITE, 0);
  bench.threads.announce(ANNE);
  bench.ask(UNIT_TRIM_PREFIX, 4);
  bench.timers = [];
  bench.unit = bench.newUnit();
  bench.unit.start(bench);
  assert.is(slots.addressLimit(), slots.count, 'the successor waits for those in flight as well');
  bench.threads.leave(ANNE);
  bench.tick();
  assert.is(slots.addressLimit(), slots.count + 4);
  assert.is(chunks.freeCount(), 4);
});

storageUnit('knows sealed epoch, values and written limit of its predecessor', () => {
  const bench = new Bench();
  bench.ask(UNIT_WRITE, 6);
  bench.ask(UNIT_SEAL, 0, 2);
  bench.unit = bench.newUnit();
  bench.unit.start(bench);
  assert.is(bench.ask(UNIT_WRITE, 7, 2).outcome, SEALED);
  assert.is(bench.ask(UNIT_WRITE, 6, 3).outcome, WRITTEN);
  assert.is(bench.ask(UNIT_SEAL, 0, 3).outcome, OK);
  assert.is(bench.memory.slots.writtenLimit(), 7);
});

storageUnit('does not reclaim in the turn that trims: its own thread is in flight as well', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  bench.ask(UNIT_TRIM_PREFIX, 3);
  assert.is(slots.addressLimit(), slots.count);
  bench.tick();
  assert.is(slots.addressLimit(), slots.count + 3);
});

storageUnit('reclaims for a client that has trimmed by itself, and answers nothing', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  slots.raiseWatermark(5);
  bench.request(UNIT_RECLAIM, 0, 1);
  assert.equal(bench.replies, []);
  bench.finish();
  assert.is(slots.addressLimit(), slots.count + 5);
});

storageUnit('reclaims nothing away from home, nor once it has moved', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  bench.stay = 0;
  assert.is(bench.ask(UNIT_TRIM_PREFIX, 2).outcome, OK, 'it serves all the same');
  assert.equal(bench.timers, []);
  bench.stay = 2;
  bench.ask(UNIT_TRIM_PREFIX, 3);
  bench.stay = 0;
  bench.finish();
  assert.is(slots.addressLimit(), slots.count, 'another thread may be at it');
});

storageUnit('reclaims nothing of a memory that was wiped while it waited', () => {
  const bench = new Bench();
  const { slots } = bench.memory;
  bench.threads.announce(ANNE);
  bench.ask(UNIT_TRIM_PREFIX, 40);
  bench.memory.wipe(10, 3);
  const chunk = bench.memory.chunks.lease(1, 64, false);
  bench.memory.chunks.setUsedLimit(chunk, 20);
  bench.memory.chunks.retire(chunk);
  bench.threads.leave(ANNE);
  bench.finish();
  assert.is(slots.addressLimit(), slots.count + 10);
  assert.is(bench.memory.chunks.freeCount(), SIZES.chunkCount - 1, 'its bytes are of the new unit');
});

storageUnit.run();
