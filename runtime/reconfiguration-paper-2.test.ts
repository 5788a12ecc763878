/**
 * The conformance cases of the sequencer (PROTOCOL 4), step by step on the production classes: its
 * replacement in the middle of what clients do, with their tokens and its answers under way.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sequencerActor, unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { SEQUENCER_BUSY } from '../actors/sequencer.ts';
import { Random } from '../actors/simulation/random.ts';
import { TOKEN_EPOCH_WORD } from '../shared-memory/entry-layout.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { WORD_BYTES } from '../shared-memory/words.ts';
import { fillPosition, trimPosition, trimPrefix } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import { type Answer, call, type Procedure } from './procedure.ts';
import { readComplete } from './read.ts';
import { repair } from './repair.ts';
import { once, SteppedLog, type SteppedLogOptions, textOf } from './stepped-log.ts';
import { checkpointStreams } from './stream-checkpointer.ts';
import { StreamReader } from './stream-reader.ts';

const sequencers = suite('sequencers of the CORFU and Tango papers');

const [ANNE, BERTA, CARLA] = [0, 1, 2];
const [RED, BLUE] = [7, 8];
const { SEQUENCER_NEXT, SEQUENCER_TAILS, UNIT_WRITE, UNIT_FILL } = MessageType;
const REPLACE = once({ sequencer: 'replace' });

function onBothLinks(
  name: string,
  options: SteppedLogOptions,
  body: (make: () => SteppedLog) => void,
): void {
  for (const link of ['direct', 'mailbox'] as const) {
    sequencers(`${name} (${link})`, () =>
      body(() => new SteppedLog({ clients: 3, ...options, link })),
    );
  }
}

function* ask(to: number, type: MessageType, epoch: number, rest = {}): Procedure<Answer> {
  return yield* call({ to, type, epoch, ...rest });
}

/** Takes a token and writes nothing. */
function* takeToken({ map }: LogClient): Procedure<Position> {
  return (yield* ask(map.sequencer, SEQUENCER_NEXT, map.epoch)).position;
}

/** True once it was asked so often. */
function stepsOf(count: number): () => boolean {
  let steps = 0;
  return () => steps++ > count;
}

/** The texts of a stream, as a reader that begins now is given them. */
function played(log: SteppedLog, client: number, stream: number): string[] {
  return log.ran(client, function* (one): Procedure<string[]> {
    const reader = new StreamReader(one, stream);
    yield* reader.sync();
    const found: string[] = [];
    for (;;) {
      const entry = yield* reader.next();
      if (entry === undefined) return found;
      found.push(textOf(entry));
    }
  });
}

// CORFU 1.12, case 30
onBothLinks(
  'case 30: a new sequencer starts above every written head, though the counter is lost',
  { storageUnits: 4 },
  (make) => {
    for (const dies of [false, true]) {
      const log = make();
      const done = new Map<Position, string>();
      for (const [i, streams] of [[RED], [BLUE], [RED, BLUE], [], [RED]].entries()) {
        done.set(log.appended(BERTA, `entry ${i}`, streams), `entry ${i}`);
      }
      assert.is(log.ran(CARLA, takeToken), 5);
      log.appended(BERTA, 'entry 6', [BLUE]);
      // On the head of the other chain alone.
      const half = log.stoppedAppend(ANNE, 'half', 1, [RED]);
      assert.equal(log.at(7), ['half', 'unwritten']);
      log.kill(log.homeOf(log.map.sequencer));
      if (dies) log.kill(log.clientThreads[ANNE]);
      log.memory.sequencer.setTail(0);
      log.ran(BERTA, repair);
      assert.is(log.memory.sequencer.tail(), 8);
      assert.equal(
        [log.at(5), log.at(7)],
        [
          ['junk', 'junk'],
          ['half', 'half'],
        ],
      );
      log.clientThreads[ANNE].stopped = false;
      if (!dies) assert.is(log.value(half), 7);
      assert.is(log.appended(CARLA, 'entry 8', [RED, BLUE]), 8);
      for (const [position, text] of done) assert.is(log.read(CARLA, position), text);
      const red = ['entry 0', 'entry 2', 'entry 4', 'half', 'entry 8'];
      const blue = ['entry 1', 'entry 2', 'entry 6', 'entry 8'];
      assert.equal(played(log, BERTA, RED), red);
      assert.equal(played(log, CARLA, BLUE), blue);
    }
  },
);

// CORFU 1.12: between the projection and the build
onBothLinks('the tail is above all that is written while a new sequencer is built', {}, (make) => {
  const log = make();
  for (let i = 0; i < 5; i++) log.appended(ANNE, `entry ${i}`);
  log.kill(log.homeOf(log.map.sequencer));
  const { sequencer } = log.memory;
  sequencer.setTail(0);
  // Somebody is in the critical section: nothing can be installed yet.
  sequencer.tryLock(log.clients[CARLA].incarnation);
  const repaired = log.run(BERTA, repair);
  log.stepUntil(BERTA, stepsOf(40));
  assert.ok(log.memory.layoutStore.newestEpoch() > 1);
  assert.ok(sequencer.builtEpoch() < sequencer.requiredBuild(), 'it is not built yet');
  assert.is(log.clients[CARLA].tail(), 5);
  assert.is(log.read(CARLA, 4), 'entry 4');
  sequencer.unlock();
  log.clientThreads[BERTA].stopped = false;
  log.value(repaired);
  assert.is(log.appended(ANNE, 'entry 5'), 5);
});

// Tango 2.5: a record of a checkpoint may be younger than its base
for (const tokens of [1, 4]) {
  sequencers(
    `a checkpoint that knows ${tokens} tokens of the dead leads to all before them`,
    () => {
      const log = new SteppedLog({ clients: 3 });
      const { sequencer } = log.memory;
      const texts = Array.from({ length: 10 }, (_, i) => `entry ${i}`);
      for (const text of texts) log.appended(ANNE, text, [RED]);
      // Somebody is in the critical section when the checkpoint begins: it knows its base, and waits.
      sequencer.tryLock(log.clients[ANNE].incarnation);
      const base = sequencer.tail();
      const checkpoint = log.run(CARLA, (client) => checkpointStreams(client, 1));
      for (let i = 0; i < 3; i++) log.stepUntil(CARLA, stepsOf(2));
      sequencer.unlock();
      for (let i = 0; i < tokens; i++) log.append(BERTA, 'never', [RED]);
      log.stepUntil(BERTA, () => sequencer.tail() === base + tokens);
      log.kill(log.clientThreads[BERTA]);
      log.clientThreads[CARLA].stopped = false;
      log.end(checkpoint);
      for (let i = 0; i < tokens; i++) log.ran(ANNE, (client) => fillPosition(client, base + i));
      assert.equal(played(log, ANNE, RED), texts, 'before the failover');
      log.ran(ANNE, REPLACE);
      assert.equal(played(log, ANNE, RED), texts, 'after it');
      for (let i = 10; i < 16; i++) {
        texts.push(`entry ${i}`);
        log.appended(ANNE, `entry ${i}`, [RED]);
      }
      assert.equal(played(log, ANNE, RED), texts, 'and with more behind it');
    },
  );
}

// CORFU 1.12, case 31
onBothLinks('case 31: what an old sequencer has answered is worth nothing', {}, (make) => {
  const log = make();
  for (let i = 0; i < 3; i++) log.appended(BERTA, `entry ${i}`, [RED]);
  // Anne's token, and Carla's view of a stream, were answered; neither has taken a step since.
  const append = log.append(ANNE, 'late', [RED]);
  log.stepUntil(ANNE, () => log.memory.sequencer.tail() === 4);
  log.clientThreads[CARLA].stopped = true;
  log.ran(BERTA, REPLACE);
  assert.is(log.appended(BERTA, 'complete', [RED]), 4);

  const [anne, carla] = [log.clients[ANNE], log.clients[CARLA]];
  assert.equal([anne.map.epoch, carla.map.epoch], [1, 1]);
  assert.is(carla.tail(), 5, 'no stale linearizable tail');
  assert.is(textOf(readComplete(carla, 4)), 'complete');
  log.clientThreads[CARLA].stopped = false;
  for (const type of [SEQUENCER_NEXT, SEQUENCER_TAILS]) {
    const old = log.ran(CARLA, () => ask(sequencerActor(0), type, 1, { extra: [RED] }));
    assert.is(old.outcome, SlotOutcome.SEALED);
  }
  for (const unit of [0, 1]) {
    const write = { position: 3, value: 64 };
    assert.is(
      log.ran(CARLA, () => ask(unitActor(unit), UNIT_WRITE, 1, write)).outcome,
      SlotOutcome.SEALED,
    );
    assert.is(
      log.ran(CARLA, () => ask(unitActor(unit), UNIT_FILL, 1, write)).outcome,
      SlotOutcome.SEALED,
    );
  }
  log.clientThreads[ANNE].stopped = false;
  assert.is(log.value(append), 5);
  assert.equal(played(log, CARLA, RED), ['entry 0', 'entry 1', 'entry 2', 'complete', 'late']);
});

// CORFU 1.12, case 31: the answer to a sync is under way while the sequencer is replaced
sequencers('case 31: an old answer to a sync is asked for again', () => {
  const log = new SteppedLog({ clients: 3, link: 'mailbox' });
  log.appended(BERTA, 'entry 0', [RED]);
  const reader = new StreamReader(log.clients[CARLA], RED);
  const sync = log.run(CARLA, () => reader.sync());
  log.clientThreads[CARLA].stopped = true;
  log.ran(BERTA, REPLACE);
  assert.is(log.appended(BERTA, 'entry 1', [RED]), 1);
  log.clientThreads[CARLA].stopped = false;
  assert.ok(log.value(sync) >= 0);
  assert.equal(played(log, CARLA, RED), ['entry 0', 'entry 1']);
});

// CORFU 1.12 and Tango 2.5, case 32
onBothLinks(
  'case 32: a token of an earlier epoch is void: new token, new headers, and junk',
  { spareUnits: 1 },
  (make) => {
    for (const change of [{ sequencer: 'replace' }, { lost: new Set([1]) }] as const) {
      const log = make();
      log.appended(BERTA, 'first', [RED]);
      const append = log.append(ANNE, 'late', [RED]);
      log.stepUntil(ANNE, () => log.memory.sequencer.tail() === 2);
      assert.equal(log.at(1), ['unwritten', 'unwritten']);
      log.ran(BERTA, once(change));
      log.appended(BERTA, 'second', [RED]);
      log.clientThreads[ANNE].stopped = false;
      assert.is(log.value(append), 3);
      assert.is(log.read(CARLA, 1), 'junk');
      assert.equal(played(log, CARLA, RED), ['first', 'second', 'late']);
      assert.is(new Set(log.at(1)).size, 1);
      const { reader } = log.memory.unit(log.map.chainOf(3)[0]);
      reader.locate(log.map.addressOf(3), 3);
      const token = reader.entryOffset / WORD_BYTES + TOKEN_EPOCH_WORD;
      assert.is(reader.words[token], 2, 'headers of the new epoch');
    }
  },
);

// CORFU 1.16 (18): a token that is tagged anew would take what the next sequencer grants again
onBothLinks(
  'case 32: a void token is not used though its position is granted again',
  {},
  (make) => {
    for (const isSecond of [false, true]) {
      const log = make();
      log.appended(BERTA, 'first', [RED]);
      const append = log.append(ANNE, 'late', [RED]);
      log.stepUntil(ANNE, () => log.memory.sequencer.tail() === 2);
      if (isSecond) {
        // It loses its first position to a filler, and asks for another.
        log.ran(BERTA, (client) => fillPosition(client, 1));
        log.stepUntil(ANNE, () => log.memory.sequencer.tail() === 3);
      }
      const position = isSecond ? 2 : 1;
      log.memory.sequencer.setTail(0);
      log.ran(BERTA, REPLACE);
      assert.is(log.memory.sequencer.tail(), position);
      log.clientThreads[ANNE].stopped = false;
      assert.is(log.value(append), position);
      assert.is(log.appended(BERTA, 'second', [BLUE]), position + 1);
      assert.equal(played(log, CARLA, RED), ['first', 'late']);
      assert.equal(played(log, CARLA, BLUE), ['second']);
    }
  },
);

// CORFU 1.12, case 33
onBothLinks(
  'case 33: without a sequencer appends probe, are linearizable, and streams are refused',
  { sequencer: false, storageUnits: 4 },
  (make) => {
    for (let seed = 1; seed <= 10; seed++) {
      const log = make();
      const random = new Random(seed);
      const done = new Map<Position, string>();
      for (let round = 0; round < 4; round++) {
        const floor = log.clients[random.below(3)].tail();
        for (const position of done.keys()) assert.ok(position < floor, `seed ${seed}`);
        const appends = [ANNE, BERTA, CARLA, ANNE, BERTA].map((client, i) => ({
          append: log.append(client, `${round}.${i}`),
          text: `${round}.${i}`,
        }));
        log.shuffleUntil(random, () => appends.every(({ append }) => append.outcome !== undefined));
        for (const { append, text } of appends) {
          const position = log.value(append);
          assert.ok(position >= floor, `seed ${seed}: below an append that had returned`);
          assert.not(done.has(position), `seed ${seed}: a position twice`);
          done.set(position, text);
        }
      }
      for (const [position, text] of done) assert.is(log.read(CARLA, position), text);
      const refused = log.end(log.append(ANNE, 'of a stream', [RED]));
      assert.is(refused.kind === 'failed' && refused.code, 'ERR_UNSUPPORTED');

      const tail = log.clients[ANNE].tail();
      log.ran(BERTA, REPLACE);
      assert.ok(log.appended(ANNE, 'of a stream', [RED]) >= tail);
      assert.equal(played(log, CARLA, RED), ['of a stream']);
      log.ran(CARLA, once({ sequencer: 'none' }));
      const last = log.appended(ANNE, 'without again');
      log.ran(CARLA, REPLACE);
      assert.ok(log.appended(BERTA, 'and with', [RED]) > last);
      assert.equal(played(log, CARLA, RED), ['of a stream', 'and with']);
    }
  },
);

// CORFU 1.12 and 1.16, case 34
onBothLinks(
  'case 34: the counter does not go back although everything is trimmed',
  { storageUnits: 4, spareUnits: 2 },
  (make) => {
    const trims = {
      prefix: (log: SteppedLog, tail: Position) =>
        log.ran(ANNE, (client) => trimPrefix(client, tail)),
      'one by one': (log: SteppedLog, tail: Position) => {
        for (let i = 0; i < tail; i++) log.ran(ANNE, (client) => trimPosition(client, i));
      },
    };
    for (const [how, trim] of Object.entries(trims)) {
      for (const isSplit of [false, true]) {
        const log = make();
        for (let i = 0; i < 9; i++) log.appended(ANNE, `entry ${i}`, [RED]);
        // Then nothing was written in the active range.
        if (isSplit) log.ran(BERTA, once({ add: 2 }));
        trim(log, 9);
        log.kill(log.homeOf(log.map.sequencer));
        log.memory.sequencer.setTail(0);
        log.ran(BERTA, repair);
        assert.is(log.memory.sequencer.tail(), 9, `${how}, split: ${isSplit}`);
        assert.is(log.appended(CARLA, 'next', [BLUE]), 9);
        assert.equal(played(log, ANNE, BLUE), ['next']);
      }
    }
  },
);

// Tango 2.5, case 35
onBothLinks('case 35: a sequencer refuses until its stream state is built', {}, (make) => {
  for (const dies of [false, true]) {
    const log = make();
    log.appended(BERTA, 'entry 0', [RED]);
    // A hole that the builder has to decide, one request after the other.
    log.ran(BERTA, takeToken);
    const built = log.run(BERTA, REPLACE);
    log.stepUntil(BERTA, () => log.map.epoch === 2);
    const { sequencer } = log.memory;
    assert.equal([sequencer.builtEpoch(), sequencer.requiredBuild()], [1, 2]);
    for (const type of [SEQUENCER_NEXT, SEQUENCER_TAILS]) {
      const early = log.ran(CARLA, () => ask(log.map.sequencer, type, 2, { extra: [RED] }));
      assert.is(early.outcome, SEQUENCER_BUSY);
    }
    if (dies) log.kill(log.clientThreads[BERTA]);
    log.clientThreads[BERTA].stopped = false;
    assert.is(log.appended(CARLA, 'entry 2', [RED]), 2);
    if (!dies) log.value(built);
    assert.ok(sequencer.builtEpoch() >= 2);
    assert.equal(played(log, ANNE, RED), ['entry 0', 'entry 2']);
  }
});

// CORFU 1.9 and 1.16 (2): a seal waits for what it comes too late to refuse
onBothLinks('case 30: a write in flight during the seal is below the new tail', {}, (make) => {
  for (const dies of [false, true]) {
    const log = make();
    const { slots } = log.memory.unit(0);
    const anne = log.clientThreads[ANNE];
    anne.stopped = true;
    anne.flight.enter();
    assert.is(slots.sealedEpoch(), 0);
    const replaced = log.run(BERTA, REPLACE);
    let taken = 0;
    log.goOnUntil(() => taken++ === 100);
    assert.is(slots.sealedEpoch(), 1);
    assert.is(log.map.epoch, 1);
    assert.is(slots.tryJunk(5), SlotOutcome.OK);
    if (dies) log.kill(anne);
    else anne.flight.leave();
    assert.is(log.value(replaced).epoch, 2);
    assert.is(log.appended(CARLA, 'after'), 6);
    assert.equal(log.at(5), ['junk', 'junk']);
  }
});

// CORFU 1.9 and 1.12: dying inside of the sequencer's critical section
onBothLinks(
  'case 30: a thread that dies as the sequencer is replaced with all it left',
  {},
  (make) => {
    const log = make();
    log.appended(BERTA, 'entry 0', [RED]);
    const { sequencer } = log.memory;
    const dead = log.clientThreads[ANNE];
    // It has linked position 1 into the stream, and dies before it moves the counter on.
    assert.ok(sequencer.tryLock(dead.incarnation));
    sequencer.pushStreamPosition(sequencer.findStream(RED, false), 1);
    log.kill(dead);
    assert.is(log.appended(CARLA, 'entry 1', [RED]), 1);
    assert.is(sequencer.lockOwner(), 0);
    assert.ok(log.map.epoch > 1);
    assert.equal(played(log, BERTA, RED), ['entry 0', 'entry 1']);
  },
);

sequencers.run();
