import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateHomeTable, HomeTable } from '../shared-memory/home-table.ts';
import { NO_THREAD } from '../shared-memory/thread-table.ts';
import { clientActor, HOMES, homeIndexOf, sequencerActor, unitActor } from './actor-ids.ts';
import { actorThreadsFor, directoryOf, type Placement, placeActors, settle } from './placement.ts';
import { firstProjection } from './projection.ts';

const placement = suite('placement');

function unitsOn({ units }: Placement, thread: number): number[] {
  return units.flatMap((home, unit) => (home === thread ? [unit] : []));
}

function settled(placed: Placement): HomeTable {
  const homes = new HomeTable(allocateHomeTable(HOMES));
  settle(homes, placed);
  return homes;
}

placement('leaves the clients most of the cores, and has one actor thread at least', () => {
  assert.equal([1, 2, 4, 7, 8, 15, 16, 64].map(actorThreadsFor), [1, 1, 1, 1, 2, 3, 4, 16]);
});

placement('puts everything on one thread where there is only one', () => {
  const placed = placeActors(1, 3);
  assert.equal(placed, { actorThreads: 1, sequencer: 0, units: [0, 0, 0] });
  assert.equal(unitsOn(placed, 0), [0, 1, 2]);
});

placement('keeps the sequencer’s thread free of units where there are more', () => {
  for (let threads = 2; threads < 6; threads++) {
    for (let units = 1; units < 10; units++) {
      const placed = placeActors(threads, units);
      assert.equal(unitsOn(placed, placed.sequencer), []);
      assert.is(placed.units.length, units);
      const loads = Array.from({ length: threads - 1 }, (_, i) => unitsOn(placed, i + 1).length);
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, 'the load is even');
    }
  }
});

placement('puts the replicas of a chain on different threads where there are enough', () => {
  for (const replicas of [1, 2, 3, 4]) {
    for (let unitThreads = replicas; unitThreads < 9; unitThreads++) {
      const units = 4 * replicas;
      const placed = placeActors(1 + unitThreads, units);
      for (const { chain } of firstProjection(units, replicas, sequencerActor(0)).ranges[0]
        .extents) {
        assert.is(new Set(chain.map((unit) => placed.units[unit])).size, replicas);
      }
    }
  }
});

placement('places every unit on the one thread where the directory finds it', () => {
  const placed = placeActors(4, 7);
  const directory = directoryOf(settled(placed));
  const found: number[] = [];
  for (let thread = 0; thread < placed.actorThreads; thread++) {
    for (const unit of unitsOn(placed, thread)) {
      found.push(unit);
      assert.is(directory(unitActor(unit)), thread);
    }
  }
  assert.equal(found.sort(), [0, 1, 2, 3, 4, 5, 6]);
});

placement('finds the sequencer, and a client on the thread it is named after', () => {
  const directory = directoryOf(settled(placeActors(2, 1)));
  assert.is(directory(sequencerActor(0)), 0);
  for (const thread of [0, 1, 2, 31]) assert.is(directory(clientActor(thread)), thread);
});

placement('finds nobody where nobody was placed', () => {
  const directory = directoryOf(settled(placeActors(2, 3)));
  assert.is(directory(unitActor(3)), NO_THREAD);
  assert.is(directory(sequencerActor(1)), NO_THREAD);
});

placement('follows an actor that moves, from the next look on', () => {
  const homes = settled(placeActors(3, 2));
  const directory = directoryOf(homes);
  assert.is(directory(unitActor(0)), 1);
  homes.move(homeIndexOf(unitActor(0)), 2);
  assert.equal(
    [0, 1].map((unit) => directory(unitActor(unit))),
    [2, 2],
  );
  homes.move(homeIndexOf(sequencerActor(0)), NO_THREAD);
  assert.is(directory(sequencerActor(0)), NO_THREAD);
});

placement('knows the units of one memory as one actor, and every sequencer apart', () => {
  const homes = settled(placeActors(2, 128));
  const found = new Set([...Array(128).keys()].map((unit) => homeIndexOf(unitActor(unit))));
  for (let i = 0; i < 16; i++) found.add(homeIndexOf(sequencerActor(i)));
  assert.is(found.size, HOMES);
  assert.ok([...found].every((index) => index >= 0 && index < HOMES));
  assert.is(unitActor(5 + 128), unitActor(5));
  assert.is(homes.count, HOMES);
});

placement.run();
