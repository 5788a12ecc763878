/**
 * The conformance cases of reconfiguration (PROTOCOL 4), step by step on the production classes: a
 * client or an actor thread is stopped, or dies, at the very point that a case names.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type UnitId, unitActor } from '../actors/actor-ids.ts';
import { retireChunksOf } from '../actors/log-memory.ts';
import { MessageType } from '../actors/message.ts';
import { joined, type Rebuild, rebuildOf, withoutUnits } from '../actors/next-projection.ts';
import { type Projection, ProjectionMap } from '../actors/projection.ts';
import { Random } from '../actors/simulation/random.ts';
import type { TangoErrorCode } from '../actors/tango-error.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { fillPosition, trimPosition, trimPrefix } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import { call, type Procedure } from './procedure.ts';
import { readComplete, readPosition } from './read.ts';
import { rebuildOne } from './rebuild.ts';
import { type Change, reconfigure } from './reconfigure.ts';
import { repair } from './repair.ts';
import type { Operation, Outcome } from './simulation/simulated-log.ts';
import { once, SteppedLog, type SteppedLogOptions, textOf } from './stepped-log.ts';

const reconfiguration = suite('reconfiguration of the CORFU paper');

const [ANNE, BERTA, CARLA] = [0, 1, 2];
const K = 1000;
const LINKS = ['direct', 'mailbox'] as const;

/** The case for clients that take every step themselves, and for clients that send messages. */
function onBothLinks(
  name: string,
  options: SteppedLogOptions,
  body: (make: () => SteppedLog) => void,
): void {
  for (const link of LINKS) {
    reconfiguration(`${name} (${link})`, () => body(() => new SteppedLog({ ...options, link })));
  }
}

function lose(...units: UnitId[]): (client: LogClient) => Procedure<Projection> {
  const lost = new Set(units);
  return (client) =>
    reconfigure(client, ({ map }) => (units.some((u) => map.has(u)) ? { lost } : undefined));
}

/** Takes a token and writes nothing. */
function* takeToken({ map }: LogClient): Procedure<Position> {
  const request = { to: map.sequencer, type: MessageType.SEQUENCER_NEXT, epoch: map.epoch };
  return (yield* call(request)).position;
}

function count(texts: readonly string[], text: string): number {
  return texts.filter((one) => one === text).length;
}

// CORFU 1.5 and 1.9, case 8
onBothLinks(
  'case 8: a value on a head that crashes may vanish, and no reader ever returned it',
  { spareUnits: 1, clients: 3 },
  (make) => {
    for (const writerDies of [false, true]) {
      const log = make();
      const append = log.stoppedAppend(ANNE, 'on the head', 1);
      const seen = new Set<string>();
      const look = (): void => {
        seen.add(textOf(readComplete(log.clients[CARLA], 0)));
      };
      look();
      log.kill(log.homeOf(unitActor(0)));
      if (writerDies) log.kill(log.clientThreads[ANNE]);
      const repaired = log.run(BERTA, repair);
      const found = log.run(CARLA, (client) => readPosition(client, 0));
      log.goOnUntil(() => {
        look();
        return repaired.outcome !== undefined && found.outcome !== undefined;
      });
      assert.equal([...seen], ['undecided', 'junk']);
      assert.is(textOf(log.value(found)), 'junk');
      assert.equal(log.map.chainOf(0), [1]);
      log.clientThreads[ANNE].stopped = false;
      if (!writerDies) assert.is(log.value(append), 1);
      assert.is(count(log.texts(BERTA), 'on the head'), writerDies ? 0 : 1);
      assert.equal(log.at(0), ['junk']);
    }
  },
);

// CORFU 1.5 and 1.10, case 9
onBothLinks(
  'case 9: a value that only the crashed tail lacks is kept, and its writer reports it, once',
  { storageUnits: 3, replicas: 3, clients: 2 },
  (make) => {
    for (const replicas of [1, 2]) {
      const log = make();
      log.appended(BERTA, 'before');
      const append = log.stoppedAppend(ANNE, 'kept', replicas);
      log.kill(log.homeOf(unitActor(2)));
      log.ran(BERTA, repair);
      assert.equal(log.map.chainOf(1), [0, 1]);
      log.clientThreads[ANNE].stopped = false;
      assert.is(log.value(append), 1);
      assert.equal(log.at(1), ['kept', 'kept']);
      assert.equal(log.texts(BERTA), ['before', 'kept']);
    }
  },
);

// CORFU 1.9, case 22
onBothLinks(
  'case 22: of many that reconfigure at once one wins an epoch, and all use its projection',
  { storageUnits: 4, spareUnits: 4, clients: 4 },
  (make) => {
    for (let seed = 1; seed <= 10; seed++) {
      const log = make();
      log.appended(ANNE, 'before');
      const { layoutStore } = log.memory;
      const written: number[] = [];
      const propose = layoutStore.propose.bind(layoutStore);
      layoutStore.propose = (projection) => {
        const outcome = propose(projection);
        if (outcome === 'written') written.push(projection.epoch);
        return outcome;
      };
      const changes = [once({ lost: new Set([1]) }), once({ lost: new Set([3]) })];
      changes.push(once({ sequencer: 'replace' }), once({ add: 2 }));
      const operations = changes.map((change, client) => log.run(client, change));
      const registers = new Map<number, string>();
      log.shuffleUntil(new Random(seed), () => {
        for (const epoch of written) {
          const text = JSON.stringify(layoutStore.read(epoch));
          assert.is(registers.get(epoch) ?? text, text, `seed ${seed}: a register was rewritten`);
          registers.set(epoch, text);
        }
        return operations.every(({ outcome }) => outcome !== undefined);
      });
      assert.equal(written, [2], `seed ${seed}`);
      for (const [client, operation] of operations.entries()) {
        assert.equal(log.value(operation), layoutStore.read(2), `seed ${seed}`);
        assert.equal(log.clients[client].map.projection, layoutStore.read(2), `seed ${seed}`);
      }
      for (const client of operations.keys()) log.appended(client, `after ${client}`);
      // A sequencer that is built anew begins where the active range does: holes are no entries.
      const entries = log.texts(ANNE).filter((text) => text !== 'junk');
      assert.equal(entries, ['before', 'after 0', 'after 1', 'after 2', 'after 3']);
    }
  },
);

// CORFU 1.9, case 22 with goals that all have to be reached
onBothLinks(
  'case 22: a loser with another goal plans anew from the projection that won',
  { storageUnits: 4, spareUnits: 4, clients: 3 },
  (make) => {
    for (let seed = 1; seed <= 10; seed++) {
      const log = make();
      const operations = [
        log.run(ANNE, lose(1)),
        log.run(BERTA, lose(3)),
        log.run(CARLA, (client) => reconfigure(client, () => ({ add: 2 }))),
      ];
      const isOver = (): boolean => operations.every(({ outcome }) => outcome !== undefined);
      log.shuffleUntil(new Random(seed), isOver);
      for (const operation of operations) log.value(operation);
      const { map } = log;
      assert.is(map.epoch, 4, `seed ${seed}`);
      assert.not(map.has(1));
      assert.not(map.has(3));
      const chains = map.active.extents.map(({ chain }) => chain.length);
      assert.equal(chains, [2, 2, 2], `seed ${seed}`);
    }
  },
);

// CORFU 1.9, case 23
onBothLinks(
  'case 23: when the sealer dies before it proposes, others complete the change in time',
  { storageUnits: 4, spareUnits: 1, clients: 3 },
  (make) => {
    const changes: Change[] = [{}, { lost: new Set([1]) }, { sequencer: 'replace' }, { add: 0 }];
    for (const change of changes) {
      // One step after the other further, as long as nothing is proposed.
      for (let steps = 1; ; steps++) {
        const log = make();
        for (let i = 0; i < 6; i++) log.appended(CARLA, `entry ${i}`);
        const half = log.stoppedAppend(ANNE, 'half', 1);
        const sealing = log.run(BERTA, once(change));
        let taken = 0;
        log.stepUntil(BERTA, () => taken++ === steps || sealing.outcome !== undefined);
        if (log.map.epoch > 1) break;
        log.kill(log.clientThreads[BERTA]);
        const beganMs = log.nowMs;
        log.clientThreads[ANNE].stopped = false;
        assert.is(log.appended(CARLA, 'after') > 5, true);
        assert.is(log.value(half), 6);
        const tookMs = log.nowMs - beganMs;
        const { takeoverMs } = log.clients[CARLA].times;
        assert.ok(tookMs < takeoverMs + 10, `after ${steps} steps: ${tookMs} ms`);
        const all = log.texts(CARLA);
        assert.equal(
          all.slice(0, 6),
          Array.from({ length: 6 }, (_, i) => `entry ${i}`),
        );
        assert.equal([count(all, 'half'), count(all, 'after')], [1, 1]);
      }
    }
  },
);

// CORFU 1.10, case 24: the papers' own numbers
reconfiguration('case 24: F6 fails at 50K: the split, the spare at the end, and the merge', () => {
  const old = {
    from: 0,
    to: 40 * K,
    extents: [
      { chain: [0, 1], start: 0 },
      { chain: [2, 3], start: 0 },
    ],
  };
  const active = {
    from: 40 * K,
    extents: [
      { chain: [4, 5], start: 0 },
      { chain: [6, 7], start: 0 },
    ],
  };
  const before = { epoch: 1, sequencer: 1, sequencerSince: 1, ranges: [old, active] };
  const split = withoutUnits(before, {
    lost: new Set([6]),
    spares: [8],
    replicas: 2,
    writtenLimitOf: () => 5 * K,
  }).projection;
  const map = new ProjectionMap(split);
  const at = (position: Position) => [map.chainOf(position), map.addressOf(position)];
  assert.equal(at(45 * K + 1), [[7], 2500]);
  assert.equal(at(50 * K - 1), [[7], 5 * K - 1]);
  assert.equal(at(50 * K), [[4, 5], 5 * K]);
  assert.equal(at(50 * K + 1), [[7, 8], 5 * K]);
  assert.equal(at(80 * K - 1), [[7, 8], 20 * K - 1]);
  const owed = rebuildOf(split) as Rebuild;
  assert.equal([owed.unit, owed.source, owed.from, owed.to], [8, 7, 0, 5 * K]);
  const merged = new ProjectionMap(joined(split, owed));
  assert.equal(
    merged.projection.ranges.slice(1).map(({ from }) => from),
    [40 * K],
  );
  assert.equal([merged.chainOf(45 * K + 1), merged.addressOf(45 * K + 1)], [[7, 8], 2500]);
  assert.equal(merged.chainOf(45 * K), [4, 5]);
});

const SPARE = 4 + 128;
const [SURVIVOR, BEFORE_LOSS] = [3, 20];

/**
 * Two chains, and unit 2 of the second one is lost at position 20: values, junk, a hole, trims one by
 * one and a trimmed prefix are in what the spare is owed.
 */
function afterLoss(make: () => SteppedLog): SteppedLog {
  const log = make();
  for (let i = 0; i < BEFORE_LOSS; i++) {
    const isHole = i === 9 || i === 13 || i === 17;
    if (isHole) log.ran(ANNE, takeToken);
    else log.appended(ANNE, `entry ${i}`);
  }
  log.ran(ANNE, (client) => fillPosition(client, 9));
  log.ran(ANNE, (client) => trimPrefix(client, 4));
  log.ran(ANNE, (client) => trimPosition(client, 11));
  log.ran(ANNE, (client) => trimPosition(client, 13));
  log.kill(log.homeOf(unitActor(2)));
  log.ran(ANNE, repair);
  return log;
}

const LOSS = { storageUnits: 4, spareUnits: 1, clients: 3 };

/** Compares the survivor and the spare, address by address. */
function assertCopied(log: SteppedLog): void {
  const { chain } = log.map.extentOf(1);
  assert.equal(chain, [SURVIVOR, SPARE]);
  assert.is(log.map.projection.ranges.length, 1);
  const { slots } = log.memory.unit(SURVIVOR);
  const copy = log.memory.unit(SPARE).slots;
  assert.is(copy.writtenLimit(), slots.writtenLimit());
  assert.is(copy.watermark(), slots.watermark());
  for (let address = 0; address < slots.writtenLimit(); address++) {
    const position = 2 * address + 1;
    const held = log.held(SURVIVOR, address, position);
    assert.is(log.held(SPARE, address, position), held, `position ${position}`);
    assert.is.not(held, 'unwritten');
  }
}

// CORFU 1.10, case 24
onBothLinks(
  'case 24: a lost unit is replaced while old and new positions are used',
  LOSS,
  (make) => {
    const log = afterLoss(make);
    const [old, active] = log.map.projection.ranges;
    assert.equal([old.from, old.to, active.from], [0, BEFORE_LOSS, BEFORE_LOSS]);
    assert.equal(
      old.extents.map(({ chain }) => chain),
      [[0, 1], [SURVIVOR]],
    );
    assert.equal(
      active.extents.map(({ chain }) => chain),
      [
        [0, 1],
        [SURVIVOR, SPARE],
      ],
    );

    const rebuilt = log.run(BERTA, rebuildOne);
    let appended = 0;
    let taken = 0;
    while (rebuilt.outcome === undefined) {
      // Berta goes on by three steps, then the others have their turn.
      const stopAt = taken + 3;
      log.stepUntil(BERTA, () => taken++ === stopAt || rebuilt.outcome !== undefined);
      assert.is(log.appended(ANNE, `later ${appended}`), BEFORE_LOSS + appended);
      assert.is(log.read(CARLA, 15), 'entry 15');
      assert.is(log.read(CARLA, 9), 'junk');
      assert.is(log.read(CARLA, 11), 'trimmed');
      assert.is(log.read(CARLA, 1), 'trimmed');
      appended++;
    }
    assert.is(log.value(rebuilt), true);
    assert.ok(appended > 3);
    log.clientThreads[BERTA].stopped = false;
    log.appended(BERTA, 'last');
    assertCopied(log);
    const expected = Array.from({ length: BEFORE_LOSS }, (_, i) => {
      if (i < 4 || i === 11 || i === 13) return 'trimmed';
      return i === 9 || i === 17 ? 'junk' : `entry ${i}`;
    });
    assert.equal(log.texts(CARLA).slice(0, BEFORE_LOSS), expected);
    assert.is(log.ran(BERTA, rebuildOne), false);
  },
);

// CORFU 1.10, case 25
onBothLinks('case 25: what is trimmed during a rebuild is trimmed on both', LOSS, (make) => {
  let ended = false;
  for (let steps = 0; !ended; steps++) {
    const log = afterLoss(make);
    const rebuilt = log.run(BERTA, rebuildOne);
    let taken = 0;
    log.stepUntil(BERTA, () => taken++ === steps || rebuilt.outcome !== undefined);
    ended = rebuilt.outcome !== undefined;
    for (const position of [15, 17, 19]) log.ran(ANNE, (one) => trimPosition(one, position));
    log.ran(CARLA, (client) => trimPrefix(client, 8));
    log.clientThreads[BERTA].stopped = false;
    log.value(rebuilt);
    assertCopied(log);
    for (const position of [5, 7, 15, 17, 19]) {
      assert.equal(log.at(position), ['trimmed', 'trimmed'], `after ${steps} steps`);
    }
  }
});

// CORFU 1.10: whoever rebuilds may die, again and again
reconfiguration('a rebuild that is begun anew takes no memory for what is there already', () => {
  const log = new SteppedLog({ spareUnits: 1, clients: 6 });
  const text = 'x'.repeat(60);
  const count = 300;
  for (let i = 0; i < count; i++) log.appended(ANNE, text);
  log.ran(ANNE, lose(0));
  const [, spare] = log.map.active.extents[0].chain;
  const { slots, chunks } = log.memory.unit(spare);
  for (let client = CARLA; client < 6; client++) {
    const rebuilt = log.run(client, rebuildOne);
    let taken = 0;
    // One address further than the one before, or as many steps as it would take to copy all anew.
    const reached = count - 10 + client;
    log.stepUntil(client, () => slots.writtenLimit() >= reached || taken++ > reached);
    assert.is(rebuilt.outcome, undefined);
    log.kill(log.clientThreads[client]);
    retireChunksOf(
      log.memory,
      log.clientThreads[client].flight,
      log.clientThreads[client].incarnation,
    );
  }
  log.ran(BERTA, rebuildOne);
  assert.equal(log.at(count - 1), [text, text]);
  const survivor = log.memory.unit(1).chunks;
  assert.ok(chunks.freeCount() >= survivor.freeCount() - 6, `${chunks.freeCount()} are free`);
});

// CORFU 1.10: ranges are counted anew when others are forgotten
reconfiguration('a rebuild goes on although its range has another number now', () => {
  for (let steps = 1; steps < 40; steps += 3) {
    const log = new SteppedLog({ spareUnits: 5, clients: 3 });
    for (let grown = 0; grown < 2; grown++) {
      for (let i = 0; i < 6; i++) log.appended(ANNE, `entry ${log.clients[ANNE].tail()}`);
      log.ran(BERTA, once({ add: 2 }));
    }
    const from = log.map.active.from;
    for (let i = 0; i < 18; i++) log.appended(ANNE, `entry ${from + i}`);
    const newest = log.map.active.extents.at(-1)?.chain ?? [];
    log.ran(BERTA, lose(newest[0]));
    const rebuilt = log.run(BERTA, rebuildOne);
    let taken = 0;
    log.stepUntil(BERTA, () => taken++ === steps || rebuilt.outcome !== undefined);
    log.ran(ANNE, (client) => trimPrefix(client, from));
    log.ran(ANNE, once({ sequencer: 'replace' }));
    log.clientThreads[BERTA].stopped = false;
    assert.is(log.value(rebuilt), true);
    for (let i = 0; i < 18; i++) {
      const text = `entry ${from + i}`;
      assert.equal(log.at(from + i), [text, text], `after ${steps} steps`);
    }
  }
});

// CORFU 1.10, case 26
onBothLinks(
  'case 26: an ejected unit serves nothing until it is wiped and has come back as another',
  { clients: 3 },
  (make) => {
    const log = make();
    const append = log.stoppedAppend(ANNE, 'divergent', 1);
    log.ran(BERTA, lose(0));
    assert.is(textOf(log.ran(BERTA, (client) => fillPosition(client, 0))), 'junk');
    assert.is(log.held(0, 0, 0), 'divergent');
    assert.equal(log.map.units(), [1]);
    // Whoever still believes in it is refused, and reads nothing of it.
    const request = { to: unitActor(0), position: 1, epoch: 1 };
    const fill = call({ ...request, type: MessageType.UNIT_FILL });
    assert.is(log.ran(CARLA, () => fill).outcome, SlotOutcome.SEALED);
    assert.is(textOf(readComplete(log.clients[ANNE], 0)), 'junk');
    log.clientThreads[ANNE].stopped = false;
    assert.is(log.value(append), 1);

    log.ran(BERTA, once({ refill: true }));
    const again = 0 + 128;
    assert.equal(log.map.active.extents[0].chain, [1, again]);
    assert.is(log.memory.unitAt(0), again);
    const { slots } = log.memory.unit(again);
    assert.equal([slots.writtenLimit(), slots.watermark()], [0, 0]);
    assert.not.ok([0, 1].some((address) => log.held(again, address, address) === 'divergent'));
    assert.is(log.ran(BERTA, rebuildOne), true);
    assert.equal(log.map.chainOf(0), [1, again]);
    assert.equal(
      [log.at(0), log.at(1)],
      [
        ['junk', 'junk'],
        ['divergent', 'divergent'],
      ],
    );
  },
);

// CORFU 1.11, case 27
onBothLinks(
  'case 27: growth seals no unit, and a client with the old projection refreshes and succeeds',
  { spareUnits: 2, clients: 3 },
  (make) => {
    const log = make();
    for (let i = 0; i < 3; i++) log.appended(CARLA, `entry ${i}`);
    const sealed = (): number[] => [0, 1].map((unit) => log.memory.unit(unit).slots.sealedEpoch());
    const before = sealed();
    // Anne has a token and nothing written; Carla is about to ask for one.
    const granted = log.append(ANNE, 'granted before');
    log.stepUntil(ANNE, () => log.memory.sequencer.tail() === 4);
    const asking = log.append(CARLA, 'asked before');
    log.clientThreads[CARLA].stopped = true;
    log.ran(BERTA, once({ add: 2 }));
    assert.equal(sealed(), before);
    assert.equal(
      log.map.active.extents.map(({ chain }) => chain),
      [
        [0, 1],
        [130, 131],
      ],
    );
    for (const client of [ANNE, CARLA]) {
      assert.is(log.clients[client].map.epoch, 1);
      log.clientThreads[client].stopped = false;
    }
    log.value(asking);
    log.value(granted);
    for (let i = 0; i < 10; i++) log.appended(BERTA, `later ${i}`);
    const all = log.texts(ANNE);
    assert.equal([count(all, 'granted before'), count(all, 'asked before')], [1, 1]);
    assert.ok(log.memory.unit(130).slots.writtenLimit() >= 5);
    assert.equal(sealed(), before);
  },
);

// CORFU 1.11 and 1.12, case 27: nobody is granted what is about to be mapped elsewhere
onBothLinks(
  'case 27: what is appended between the last look at the tail and the proposal is not lost',
  { spareUnits: 2, clients: 3 },
  (make) => {
    const log = make();
    log.appended(ANNE, 'before');
    const { layoutStore } = log.memory;
    const propose = layoutStore.propose.bind(layoutStore);
    const appends: Operation<Position>[] = [];
    layoutStore.propose = (projection) => {
      if (appends.length === 0) {
        for (const text of ['one', 'two', 'three']) appends.push(log.append(CARLA, text));
        let taken = 0;
        log.stepUntil(CARLA, () => taken++ === 12);
      }
      return propose(projection);
    };
    log.ran(BERTA, once({ add: 2 }));
    log.clientThreads[CARLA].stopped = false;
    const positions = appends.map((append) => log.value(append));
    assert.is(new Set(positions).size, 3);
    for (let i = 0; i < 4; i++) log.appended(BERTA, `later ${i}`);
    assert.equal(
      positions.map((position) => log.read(ANNE, position)),
      ['one', 'two', 'three'],
    );
    const entries = log.texts(ANNE).filter((text) => text !== 'junk');
    assert.is(new Set(entries).size, 8);
    assert.is(entries.length, 8);
  },
);

// CORFU 1.6, case 28
onBothLinks(
  'case 28: who still knows a removed live unit never reads unwritten where all is complete',
  { clients: 3 },
  (make) => {
    const log = make();
    log.clientThreads[CARLA].stopped = true;
    const change = (): void => {
      log.ran(BERTA, lose(1));
      assert.is(log.appended(ANNE, 'complete'), 0);
    };
    // In the middle of Carla's read: the slot of the removed tail is looked at after all of it.
    const { reader } = log.memory.unit(1);
    const locate = reader.locate.bind(reader);
    let looks = 0;
    reader.locate = (address, position) => {
      if (looks++ === 0) change();
      return locate(address, position);
    };
    assert.is(log.clients[CARLA].map.epoch, 1);
    assert.is(textOf(readComplete(log.clients[CARLA], 0)), 'complete');
    assert.is(looks, 1);
    assert.is(log.held(1, 0, 0), 'unwritten');

    // One that waits for a writer when it happens.
    const later = make();
    const half = later.stoppedAppend(ANNE, 'half', 1);
    const reading = later.run(CARLA, (client) => readPosition(client, 0));
    later.clientThreads[CARLA].stopped = true;
    later.ran(BERTA, lose(1));
    later.clientThreads[ANNE].stopped = false;
    assert.is(later.value(half), 0);
    later.clientThreads[CARLA].stopped = false;
    assert.is(textOf(later.value(reading)), 'half');
  },
);

// CORFU 1.9, case 29
onBothLinks('case 29: a client never goes back to a lower epoch', {}, (make) => {
  const log = make();
  for (let i = 0; i < 4; i++) log.ran(BERTA, once({}));
  const client = log.clients[ANNE];
  assert.is(client.refreshProjection(), true);
  assert.is(client.map.epoch, 5);
  const { layoutStore } = log.memory;
  layoutStore.latest = () => layoutStore.read(4);
  assert.is(client.refreshProjection(), false);
  assert.is(client.map.epoch, 5);
  log.appended(ANNE, 'entry');
  assert.is(client.map.epoch, 5);
});

function codeOf<T>(outcome: Outcome<T>): [TangoErrorCode, Position | undefined] | 'done' {
  return outcome.kind === 'done' ? 'done' : [outcome.code, outcome.position];
}

// CORFU 1.10: more is lost than the chain tolerates
onBothLinks(
  'a chain that is lost as a whole: its positions are said to be, and appends go on elsewhere',
  { spareUnits: 2, clients: 3 },
  (make) => {
    for (const isHalfWritten of [false, true]) {
      const log = make();
      for (let i = 0; i < 5; i++) log.appended(ANNE, `entry ${i}`);
      const half = isHalfWritten ? log.stoppedAppend(ANNE, 'half', 1) : undefined;
      for (const unit of [0, 1]) {
        log.memory.unit(unit).markLost();
        log.kill(log.homeOf(unitActor(unit)));
      }
      const begun = log.append(CARLA, 'begun before anybody knows');
      log.ran(BERTA, repair);
      const position = log.appended(BERTA, 'after');
      assert.is(log.read(CARLA, position), 'after');
      for (let lost = 0; lost < 5; lost++) {
        const refused = ['ERR_CORRUPT', lost];
        const fills = log.run(CARLA, (client) => fillPosition(client, lost));
        assert.equal(codeOf(log.end(fills)), refused);
        const reads = log.run(BERTA, (client) => readPosition(client, lost));
        assert.equal(codeOf(log.end(reads)), refused);
        const trims = log.run(BERTA, (client) => trimPosition(client, lost));
        assert.equal(codeOf(log.end(trims)), refused);
      }
      // Entries that lay in the lost memory alone: their appends end, one way or the other.
      log.clientThreads[ANNE].stopped = false;
      for (const append of half === undefined ? [begun] : [begun, half]) log.end(append);
      log.appended(CARLA, 'and on');
    }
  },
);

onBothLinks(
  'a chain that is lost as a whole, without a spare: appends fail and say so',
  { clients: 2 },
  (make) => {
    const log = make();
    for (let i = 0; i < 5; i++) log.appended(ANNE, `entry ${i}`);
    for (const unit of [0, 1]) log.memory.unit(unit).markLost();
    log.ran(ANNE, repair);
    const append = log.append(BERTA, 'after');
    assert.is(codeOf(log.end(append))[0], 'ERR_CORRUPT');
    assert.equal(codeOf(log.end(log.run(BERTA, (client) => readPosition(client, 3)))), [
      'ERR_CORRUPT',
      3,
    ]);
  },
);

reconfiguration.run();
