import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { homeIndexOf, sequencerActor, unitActor } from '../actors/actor-ids.ts';
import { allocateLog, LogMemory } from '../actors/log-memory.ts';
import { placeActors, settle } from '../actors/placement.ts';
import { firstProjection, NO_SEQUENCER, ProjectionMap } from '../actors/projection.ts';
import { actorsAt, anyoneLives, pickHome } from './homes.ts';

/** Threads 0 to 2 for actors, 3 for the housekeeper. */
const ACTOR_THREADS = 4;
const HOUSEKEEPER = ACTOR_THREADS - 1;
const UNITS = 4;
const NOBODY: ReadonlySet<number> = new Set();

const homes = suite('homes');

interface Bench {
  readonly memory: LogMemory;
  readonly map: ProjectionMap;
}

/** Sequencer on thread 0, units 0 and 2 on thread 1, units 1 and 3 on thread 2. */
function fresh(living: readonly number[] = [0, 1, 2, 3], sequencer = sequencerActor(0)): Bench {
  const sizes = { storageUnits: UNITS, spareUnits: 2, replicas: 2, logBytes: 64 * 1024 };
  const more = { entryBytesMax: 64, backpointers: 4, actorThreads: ACTOR_THREADS, attachMax: 1 };
  const memory = new LogMemory(allocateLog({ ...sizes, ...more }, { streamsMax: 64 }));
  settle(memory.homes, placeActors(ACTOR_THREADS - 1, UNITS));
  for (const thread of living) begin(memory, thread);
  return { memory, map: new ProjectionMap(firstProjection(UNITS, 2, sequencer)) };
}

/** The thread lives and takes messages. */
function begin({ threads }: LogMemory, thread: number): void {
  assert.is(threads.claim(thread, thread + 1), thread);
  threads.setTurning(thread, true);
}

function end({ threads }: LogMemory, thread: number): void {
  threads.markExited(thread, threads.incarnation(thread));
}

function pick({ memory, map }: Bench, suspects = NOBODY, peers: readonly number[] = []) {
  return pickHome(memory, map, suspects, peers);
}

homes('finds the actors of a thread, those of the projection only', () => {
  const { memory, map } = fresh();
  assert.equal(actorsAt(memory, map, 0), [sequencerActor(0)]);
  assert.equal(actorsAt(memory, map, 1), [unitActor(0), unitActor(2)]);
  assert.equal(actorsAt(memory, map, HOUSEKEEPER), []);
  // A spare, and a sequencer of before: nobody asks them.
  memory.homes.move(homeIndexOf(unitActor(UNITS)), HOUSEKEEPER);
  memory.homes.move(homeIndexOf(sequencerActor(1)), HOUSEKEEPER);
  assert.equal(actorsAt(memory, map, HOUSEKEEPER), []);
  memory.homes.move(homeIndexOf(unitActor(2)), HOUSEKEEPER);
  assert.equal(actorsAt(memory, map, HOUSEKEEPER), [unitActor(2)]);
  assert.equal(actorsAt(memory, map, 1), [unitActor(0)]);
});

homes('knows no sequencer where the projection names none', () => {
  const { memory, map } = fresh([0], NO_SEQUENCER);
  assert.equal(actorsAt(memory, map, 0), []);
});

homes('knows whether any actor thread lives; clients do not count', () => {
  const { memory } = fresh([]);
  assert.not(anyoneLives(memory));
  begin(memory, ACTOR_THREADS);
  assert.not(anyoneLives(memory));
  begin(memory, HOUSEKEEPER);
  assert.ok(anyoneLives(memory));
  end(memory, HOUSEKEEPER);
  assert.not(anyoneLives(memory));
});

homes('picks the thread with the fewest actors', () => {
  assert.is(pick(fresh()), 0);
  const bench = fresh();
  for (const unit of [0, 2]) bench.memory.homes.move(homeIndexOf(unitActor(unit)), 0);
  assert.is(pick(bench), 1);
});

homes('picks the living only, and nobody that is suspected', () => {
  const bench = fresh();
  end(bench.memory, 0);
  assert.is(pick(bench), 1);
  assert.is(pick(bench, new Set([1])), 2);
  assert.is(pick(fresh([2])), 2);
});

homes('keeps the replicas of a chain apart, even on a thread with more to do', () => {
  const bench = fresh();
  bench.memory.homes.move(homeIndexOf(unitActor(1)), 0);
  // Threads: 0 has sequencer and unit 1, 1 has units 0 and 2, 2 has unit 3.
  assert.is(pick(bench), 2);
  assert.is(pick(bench, NOBODY, [unitActor(3)]), 0);
  assert.is(pick(bench, NOBODY, [unitActor(3), unitActor(1)]), 1);
  assert.is(pick(bench, new Set([0, 1]), [unitActor(3)]), 2, 'unless there is no other');
});

homes('takes the housekeeper’s thread only while there is no other', () => {
  const bench = fresh();
  assert.is(pick(bench, new Set([0, 1])), 2);
  assert.is(pick(bench, new Set([0, 1]), [unitActor(1), unitActor(3)]), 2, 'peers or not');
  assert.is(pick(bench, new Set([0, 1, 2])), HOUSEKEEPER);
  assert.is(pick(bench, new Set([0, 1, 2, HOUSEKEEPER])), undefined);
  assert.is(pick(fresh([])), undefined);
});

homes('prefers whoever takes messages to a thread that is only starting', () => {
  const { memory, map } = fresh([1, 2, 3]);
  // A successor has its index and does not turn yet.
  memory.threads.claim(0, 1);
  assert.is(pick({ memory, map }), 1);
  assert.is(pick({ memory, map }, new Set([1, 2])), HOUSEKEEPER);
  assert.is(pick({ memory, map }, new Set([1, 2, 3])), 0, 'it will turn soon');
  memory.threads.setTurning(0, true);
  assert.is(pick({ memory, map }), 0);
});

homes('takes a thread that sleeps for one that takes messages', () => {
  const { memory, map } = fresh([1]);
  memory.threads.claim(0, 1);
  memory.threads.prepareToSleep(0);
  assert.is(pick({ memory, map }), 0);
});

homes.run();
