/**
 * Reconfiguration (CORFU 1.9): seal what changes, wait until nobody is in flight under the old
 * epoch, propose the next projection. Any thread may do it, at any time, any number at once; the
 * first proposal for an epoch wins, and the others begin anew from it.
 *
 * Everything is done on shared memory by the caller, so nobody else needs to be alive. Dying at any
 * point is harmless: a seal without a successor is rolled forward by whoever meets it, a claimed
 * spare is claimed again and wiped again.
 */
import { homeIndexOf, sequencerActor, type UnitId, unitActor } from '../actors/actor-ids.ts';
import { DRAIN_CHECK_MS, DRAIN_CHECK_MS_MAX } from '../actors/config.ts';
import { slowTailOf, tailOf } from '../actors/log-memory.ts';
import { type ActorId, MessageType } from '../actors/message.ts';
import {
  cloned,
  forgetRanges,
  grown,
  joined,
  type Rebuild,
  refilled,
  withoutUnits,
} from '../actors/next-projection.ts';
import { NO_SEQUENCER, type Projection, type ProjectionMap } from '../actors/projection.ts';
import { REPLACED } from '../actors/sequencer.ts';
import { TangoError } from '../actors/tango-error.ts';
import { Quiescence } from '../shared-memory/quiescence.ts';
import { Deadline, lateError } from './deadline.ts';
import { pickHome } from './homes.ts';
import type { LogClient } from './log-client.ts';
import { call, type Procedure, pause } from './procedure.ts';
import { buildSequencer } from './sequencer-build.ts';
import { claimSpares, type Spare, wipeSpare } from './spares.ts';

/** What a reconfiguration is to change; nothing: roll a seal forward (a clone). */
export interface Change {
  /** Units that leave their chains. */
  readonly lost?: ReadonlySet<UnitId>;
  /** Units whose thread has exited and whose memory goes on with another thread. */
  readonly revived?: ReadonlySet<UnitId>;
  /** Fills up short chains of the active range with spares. */
  readonly refill?: boolean;
  /** Units to add; whole chains. */
  readonly add?: number;
  /** A rebuilt unit that joins its chain. */
  readonly joined?: Rebuild;
  readonly sequencer?: 'replace' | 'none';
  /** By an application, and not because something is wrong. */
  readonly asked?: true;
}

/** What to change now, or nothing any more; asked anew for each attempt. */
export type Plan = (client: LogClient) => Change | undefined;

/** Up to this long a loser of the race for an epoch waits before it begins anew. */
const BACK_OFF_MS = 1;

/**
 * Carries `plan` out and returns the projection in which it holds. ERR_TIMEOUT when others are
 * always faster, ERR_LOG_FULL when the layout store is full.
 */
export function* reconfigure(client: LogClient, plan: Plan): Procedure<Projection> {
  const deadline = new Deadline(client);
  for (;;) {
    client.refreshProjection();
    const change = plan(client);
    if (change === undefined) break;
    if (yield* attempt(client, change, deadline)) {
      if (change.joined === undefined) client.counters.reconfigurations++;
      break;
    }
    if (deadline.passed) throw lateError('a reconfiguration', 'others were faster every time');
    yield* pause(BACK_OFF_MS * client.context.random());
  }
  yield* buildSequencer(client, deadline);
  return client.map.projection;
}

/** True when this attempt's projection was installed. */
function* attempt(client: LogClient, change: Change, deadline: Deadline): Procedure<boolean> {
  const { map, memory, incarnation } = client;
  const spares = claimSpares(client, sparesWanted(client, change));
  try {
    // Before anything is sealed: what is refused leaves the log as it is.
    if (client.map !== map) return false;
    checkRoom(client, change, spares.length);
    yield* seal(client, map, change);
    if (!(yield* drained(client, map, deadline))) return false;
    // From here to the proposal nothing is awaited: one flight.
    breakDeadLock(client, change);
    const { projection, taken } = nextProjection(client, map, change, spares);
    const named = withoutTrimmed(client, withSequencerOf(projection, change));
    for (const spare of spares) {
      if (taken.includes(spare.unit)) wipeSpare(client, spare, named);
    }
    moveHomes(client, named, change, taken);
    const outcome = memory.layoutStore.propose(named);
    if (outcome === 'full') {
      throw new TangoError('ERR_LOG_FULL', `the layout store is full: epoch=${named.epoch}`);
    }
    client.refreshProjection();
    return outcome === 'written';
  } finally {
    for (const { unit } of spares) memory.unit(unit).unclaim(incarnation);
  }
}

/** The last epochs are for repairs alone: a log that cannot change its projection is lost with a thread. */
function checkRoom({ map, memory }: LogClient, change: Change, spares: number): void {
  if (change.add !== undefined && spares < change.add) {
    const text = `no memory is left for further storage units: add=${change.add}, spare=${spares}`;
    throw new TangoError('ERR_LOG_FULL', text);
  }
  if (change.asked && memory.layoutStore.isNearlyFull()) {
    const text = `the layout store is nearly full: epoch=${map.epoch}`;
    throw new TangoError('ERR_LOG_FULL', text);
  }
}

function sparesWanted({ map, memory }: LogClient, change: Change): number {
  const short = map.active.extents.reduce(
    (sum, { chain }) => sum + Math.max(0, memory.sizes.replicas - chain.length),
    0,
  );
  const replaced =
    change.refill || change.lost !== undefined ? short + (change.lost?.size ?? 0) : 0;
  return replaced + (change.add ?? 0);
}

/** Seals in the current epoch whatever hands out, or decides, what changes (CORFU 1.9, 1.12). */
function* seal(client: LogClient, map: ProjectionMap, change: Change): Procedure<void> {
  const { epoch } = map;
  const oneSided = true;
  for (const unit of unitsToSeal(client, map, change)) {
    yield* call({ oneSided, to: unitActor(unit), type: MessageType.UNIT_SEAL, epoch });
  }
  if (!sealsSequencer(change)) return;
  const value = change.sequencer === 'replace' ? REPLACED : 0;
  const to = sequencerActor(0);
  yield* call({ oneSided, to, type: MessageType.SEQUENCER_SEAL, epoch, value });
}

/** Added units take positions that nobody was granted: then the sequencer alone is sealed. */
function sealsSequencer(change: Change): boolean {
  return change.sequencer !== undefined || change.add !== undefined;
}

/** Units of which a position is mapped elsewhere in the next epoch; heads above all (CORFU 1.12). */
function unitsToSeal(client: LogClient, map: ProjectionMap, change: Change): Set<UnitId> {
  const { lost, revived, refill, add, joined: rebuilt, sequencer } = change;
  const units = new Set<UnitId>(revived);
  const active = map.active.extents;
  for (const { extents } of map.projection.ranges) {
    for (const { chain } of extents) {
      if (lost !== undefined && chain.some((unit) => lost.has(unit))) addAll(units, chain);
    }
  }
  if (refill) {
    for (const { chain } of active) {
      if (chain.length < client.memory.sizes.replicas) addAll(units, chain);
    }
  }
  const noneLeft = active.some(
    ({ chain }) => lost !== undefined && chain.every((u) => lost.has(u)),
  );
  const rollsForward = !lost && !revived && !refill && !add && !rebuilt;
  const probing = map.sequencer === NO_SEQUENCER && add !== undefined;
  if (sequencer !== undefined || noneLeft || rollsForward || probing) {
    for (const { chain } of active) addAll(units, chain);
  }
  return units;
}

function addAll(units: Set<UnitId>, chain: readonly UnitId[]): void {
  for (const unit of chain) units.add(unit);
}

/** Waits until everybody who was in flight has left; false when another projection has come. */
function* drained(client: LogClient, map: ProjectionMap, deadline: Deadline): Procedure<boolean> {
  const quiescence = new Quiescence(client.memory.threads);
  quiescence.begin();
  // This thread is in flight itself: it leaves with the pause.
  yield* pause(0);
  // Flights take microseconds, unless their thread waits for a core, or its death for its notice.
  for (let pauseMs = DRAIN_CHECK_MS; !quiescence.passed() && client.isCurrent; ) {
    if (deadline.passed) throw lateError('a reconfiguration', 'a thread is in flight all the time');
    yield* pause(pauseMs);
    pauseMs = Math.min(2 * pauseMs, DRAIN_CHECK_MS_MAX);
  }
  return client.map === map && client.isCurrent;
}

/** A thread that died as the sequencer: everybody is sealed and gone, the next one builds anew. */
function breakDeadLock(client: LogClient, change: Change): void {
  const { sequencer } = client.memory;
  const owner = sequencer.lockOwner();
  if (change.sequencer === undefined || owner === 0) return;
  if (!client.membership.lives(owner)) sequencer.breakLock(owner);
}

function nextProjection(
  client: LogClient,
  map: ProjectionMap,
  change: Change,
  spares: readonly Spare[],
): { projection: Projection; taken: readonly UnitId[] } {
  const { memory } = client;
  const { replicas } = memory.sizes;
  const current = map.projection;
  const units = spares.map(({ unit }) => unit);
  const refill = {
    spares: units,
    replicas,
    writtenLimitOf: (unit: UnitId) => memory.unit(unit).slots.writtenLimit(),
    tail: tailOf(memory, map),
  };
  if (change.lost !== undefined) return withoutUnits(current, { ...refill, lost: change.lost });
  if (change.refill) return refilled(current, refill) ?? unchanged(current);
  if (change.joined !== undefined)
    return { ...unchanged(current), projection: joined(current, change.joined) };
  if (change.add === undefined) return unchanged(current);
  const chains: UnitId[][] = [];
  for (let i = 0; i < change.add; i += replicas) chains.push(units.slice(i, i + replicas));
  // A sequencer that is not built yet may not know what is written.
  const at = Math.max(tailOf(memory, map), slowTailOf(memory, map));
  const projection = grown(current, chains, at);
  return { projection, taken: units.slice(0, change.add) };
}

function unchanged(current: Projection): { projection: Projection; taken: readonly UnitId[] } {
  return { projection: cloned(current), taken: [] };
}

/** Names the next sequencer, under an id that the one before does not have. */
function withSequencerOf(projection: Projection, change: Change): Projection {
  if (change.sequencer === undefined) return projection;
  const { epoch } = projection;
  const sequencer = change.sequencer === 'none' ? NO_SEQUENCER : sequencerActor(epoch);
  return { ...projection, sequencer, sequencerSince: epoch };
}

/** Keeps projections short: below the trim mark nobody looks, so units that hold no more are free. */
function withoutTrimmed({ memory }: LogClient, projection: Projection): Projection {
  return { ...projection, ranges: forgetRanges(projection.ranges, memory.sequencer.trimMark()) };
}

/** BEFORE the projection that sends everybody there. */
function moveHomes(
  client: LogClient,
  next: Projection,
  change: Change,
  taken: readonly UnitId[],
): void {
  const moving = new Set<UnitId>([...taken, ...(change.revived ?? [])]);
  for (const unit of moving) {
    const peers = next.ranges.flatMap(({ extents }) =>
      extents.flatMap(({ chain }) => (chain.includes(unit) ? chain : [])),
    );
    move(client, unitActor(unit), peers.filter((peer) => !moving.has(peer)).map(unitActor));
  }
  if (change.sequencer === 'replace') move(client, next.sequencer, []);
}

function move(client: LogClient, actor: ActorId, peers: readonly ActorId[]): void {
  const home = pickHome(client.memory, client.map, client.suspects, peers);
  if (home !== undefined) client.memory.homes.move(homeIndexOf(actor), home);
}
