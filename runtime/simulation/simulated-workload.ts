/**
 * One seed of the log's simulation: clients append, read, fill, trim, play streams and reconfigure
 * while the world delays, reorders, loses, stalls and kills, and threads and memories come and go.
 * Then nothing fails any more: everything under way has to end, every position is decided, and what
 * happened is checked against the contract. Throws at the first thing wrong.
 */
import { clientActor, unitActor } from '../../actors/actor-ids.ts';
import { NO_SEQUENCER } from '../../actors/projection.ts';
import { Random } from '../../actors/simulation/random.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { changeAsAsked } from '../asked-change.ts';
import { fillPosition, trimPrefix } from '../chain.ts';
import type { LinkKind } from '../client-options.ts';
import type { LogClient } from '../log-client.ts';
import type { Procedure } from '../procedure.ts';
import { repair } from '../repair.ts';
import { restore } from '../restore.ts';
import type { Tears } from './hosted-actor.ts';
import { auditLog } from './log-audit.ts';
import { checkLog, type FinalState, type LoggedOperation } from './log-checker.ts';
import { Chaos, type ChaosPlan, drawChaos } from './simulated-chaos.ts';
import { SimulatedClients, STREAMS } from './simulated-clients.ts';
import { Invariants } from './simulated-invariants.ts';
import { HOUSEKEEPER, SEQUENCER, SimulatedLog, type SimulatedLogOptions } from './simulated-log.ts';
import { Observer } from './simulated-observer.ts';

/** The faults end at this time, if the clients have not ended before. */
const FAULTS_END_MS = 4000;
const STEPS_MAX = 200_000;
/** Once nothing fails any more, everything ends within this time (RELIABILITY 2.3). */
const LIVENESS_MS = 5000;
const OWN_REPAIR_MS = 20;
/** The latest of what waits for higher priorities, or comes a second time. */
const LATE_MS_MAX = 400;
/** Trimmed memory is reclaimed some time later. */
const ROOM_MS = 20;
const HELD_BACK_MS_MAX = 200;
/** One for entries, besides those for urgent ones. */
const CHUNKS_LEAST = 3;
const CHUNKS_PLENTY = 64;

interface Shape extends SimulatedLogOptions {
  readonly clients: number;
  readonly chunks: number;
  readonly housekeeper: boolean;
  /** Clients reconfigure now and then. */
  readonly reconfigures: boolean;
  readonly tearRate: number;
  readonly ownRepairs: boolean;
}

/** Runs one seed and throws if anything is wrong. */
export function simulateLog(seed: number, createWorld: CreateWorld): undefined {
  const random = new Random(seed).fork('shape');
  const shape = drawShape(random);
  const chaos = drawChaos(random.fork('chaos'));
  const killable = drawKillable(random, shape);
  const world = createWorld({
    faults: { killable, killsMax: 1 + random.below(3), stallMaxMs: 200 },
    stepsMax: STEPS_MAX,
  });
  new Seed(world, shape, chaos, random.fork('faults')).run();
}

function drawShape(random: Random): Shape {
  const links: LinkKind[][] = [['mailbox'], ['direct'], ['mailbox', 'direct']];
  // Some appends go straight through, without an event between their steps.
  const isPaced = random.chance(0.8);
  return {
    chains: 1 + random.below(2),
    replicas: random.chance(0.1) ? 1 : 2 + random.below(2),
    clients: 2 + random.below(3),
    spares: random.chance(0.8) ? 1 + random.below(4) : 0,
    actorThreads: 2 + random.below(4),
    slots: random.chance(0.2) ? 16 : 64,
    chunks: drawChunks(random.fork('room')),
    links: random.pick(links),
    isPaced: () => isPaced,
    repairs: true,
    housekeeper: random.chance(0.7),
    reconfigures: random.chance(0.5),
    tearRate: random.chance(0.5) ? random.logarithmic(0.002, 0.2) : 0,
    ownRepairs: random.chance(0.5),
  };
}

/** In some seeds there is no room for all entries. */
function drawChunks(random: Random): number {
  return random.chance(0.25) ? CHUNKS_LEAST + random.below(6) : CHUNKS_PLENTY;
}

/** Clients, or the threads of actors, or all of them; the world kills few of them in a run. */
function drawKillable(random: Random, { clients, housekeeper }: Shape): number[] {
  const some = Array.from({ length: clients }, (_, i) => clientActor(i));
  const actors = housekeeper ? [SEQUENCER, HOUSEKEEPER] : [SEQUENCER];
  const drawn = random.below(4);
  if (drawn === 0) return [];
  if (drawn === 1) return some;
  return drawn === 2 ? actors : [...some, ...actors];
}

class Seed {
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #observer: Observer;
  readonly #clients: SimulatedClients;
  readonly #chaos: Chaos;
  readonly #plan: ChaosPlan;
  readonly #shape: Shape;
  readonly #tears: Tears;
  /** Acts for the owner: nothing happens to it. */
  readonly #owner: number;

  constructor(world: World, shape: Shape, plan: ChaosPlan, random: Random) {
    this.#world = world;
    this.#shape = shape;
    this.#plan = plan;
    const observer = new Observer(world);
    this.#observer = observer;
    this.#tears = { random: random.fork('tears'), rate: shape.tearRate, longestMs: 100 };
    this.#log = new SimulatedLog(world, {
      ...shape,
      tears: this.#tears,
      wrap: observer.wrap,
      notes: observer,
      onClient: observer.onClient,
    });
    observer.watch(this.#log);
    this.#log.onExited = (id) => this.#exited(id);
    const invariants = new Invariants(this.#log);
    this.#chaos = new Chaos(this.#log, observer, plan, random);
    this.#clients = new SimulatedClients(this.#log, observer, invariants, {
      plays: !plan.losesSequencer,
      change: shape.reconfigures ? () => this.#chaos.change() : undefined,
    });
    this.#owner = this.#log.addClient('mailbox');
    const { supervisor } = this.#log;
    supervisor.repairer = (then) => this.#log.run(this.#owner, repair, then);
    if (shape.ownRepairs) supervisor.ownRepairMs = OWN_REPAIR_MS;
  }

  run(): void {
    const world = this.#world;
    this.#clients.begin();
    this.#chaos.begin();
    if (world.random.chance(0.3)) this.#holdBack();
    world.run({ untilMs: FAULTS_END_MS, until: () => this.#clients.allEnded() });
    this.#chaos.end();
    this.#tears.rate = 0;
    const { duplicateRate, lagMs } = world.faults;
    world.stopFaults();
    this.#log.supervisor.ownRepairMs = OWN_REPAIR_MS;
    // Liveness: once nothing fails any more, everything under way comes to an end.
    const end = world.now() + LIVENESS_MS;
    const areQuiet = (): boolean => this.#clients.allEnded() && this.#clients.areQuiet();
    world.run({ untilMs: end - LIVENESS_MS / 2, until: areQuiet });
    // A checkpoint waits for the sequencer's lock as long as its owner is not replaced, which is left
    // to the housekeeper.
    const waits = this.#clients.checkpoints > 0 && !this.#shape.housekeeper;
    if (waits) this.#log.run(this.#owner, repair);
    world.run({ untilMs: end, until: areQuiet });
    this.#clients.checkAllEnded();
    // What comes late would change the log while it is looked at.
    if (duplicateRate > 0 || lagMs > 0) world.run({ untilMs: world.now() + LATE_MS_MAX });
    this.#restore();
    if (this.#shape.chunks !== CHUNKS_PLENTY) this.#complete();
    this.#check();
  }

  #exited(id: number): void {
    const client = this.#log.clients[id - clientActor(0)];
    if (client !== undefined) this.#observer.clientDied(client.incarnation);
  }

  /** A thread in flight on shared memory: seals and the reuse of trimmed memory wait for it. */
  #holdBack(): void {
    const { random } = this.#world;
    const { threads } = this.#log.memory;
    const { bystander } = this.#log;
    const begin = random.exponential(10);
    this.#world.schedule(begin, () => threads.announce(bystander));
    const end = begin + Math.min(random.exponential(50), HELD_BACK_MS_MAX);
    this.#world.schedule(end, () => threads.leave(bystander));
  }

  /** Brings the log back to full strength, as the housekeeper does where there is one. */
  #restore(): void {
    const log = this.#log;
    const world = this.#world;
    const middle = world.now() + LIVENESS_MS / 2;
    const end = world.now() + LIVENESS_MS;
    const isOver = (): boolean => log.isWhole && log.areAllNoticed;
    for (;;) {
      world.run({ untilMs: Math.min(end, world.now() + 50), until: isOver });
      // The last death may still hold up whoever reconfigures.
      const outcome = isOver() ? log.end(log.run(this.#owner, repairAndRestore)) : undefined;
      if (outcome?.kind === 'done') break;
      assert(world.now() < end, 'the log is whole again');
      if (outcome?.code === 'ERR_LOG_FULL' || world.now() > middle) this.#makeRoom();
      if (!this.#shape.housekeeper) log.end(log.run(this.#owner, repairAndRestore));
    }
    if (log.map().sequencer !== NO_SEQUENCER) return;
    log.ran(this.#owner, (client) => changeAsAsked(client, { sequencer: 'replace' }));
  }

  /** A copy takes room that a full log does not have: then it has to be trimmed. */
  #makeRoom(): void {
    if (this.#shape.chunks === CHUNKS_PLENTY) return;
    this.#world.mark('trim made room for a copy');
    this.#trimAll();
  }

  /** The same for the values that their writers left to others. */
  #complete(): void {
    const log = this.#log;
    for (let position = 0; position < log.tail; position++) {
      const outcome = log.end(log.run(this.#owner, (one) => fillPosition(one, position)));
      const isFull = outcome.kind === 'failed' && outcome.code === 'ERR_LOG_FULL';
      if (isFull) return this.#makeRoom();
    }
  }

  /** What is trimmed is reclaimed by then. */
  #trimAll(): void {
    const log = this.#log;
    // As their links do once they are idle for a while (mailbox-link.ts).
    for (const [index, client] of log.clients.entries()) log.act(index, () => client.rest());
    log.end(log.run(this.#owner, (client) => trimPrefix(client, log.tail)));
    // What the dead have leased and never used waits for a reclaim, and an empty log is not trimmed.
    const owner = log.clients[this.#owner];
    log.act(this.#owner, () => {
      for (const unit of log.map().units()) owner.nudge(unitActor(unit));
    });
    log.world.run({ untilMs: log.world.now() + ROOM_MS });
  }

  #check(): void {
    if (this.#log.map().epoch > 2) this.#world.mark('epochs changed');
    const mayLose = this.#plan.mayLose && this.#plan.lostMemories > 0;
    const final = auditLog(this.#log, this.#owner, {
      players: this.#clients.players,
      grants: this.#observer.grants,
      streams: STREAMS,
      mayLose,
      grantsAnew: this.#plan.losesSequencer,
    });
    const history = this.#clients.history();
    this.#markFates(history, final);
    const violations = checkLog(history, final).filter(
      // What the sequencer's memory has forgotten, its tail may go back to.
      ({ rule }) => !(this.#plan.losesSequencer && 'efg'.includes(rule)),
    );
    if (violations.length > 0) {
      const [{ rule, text }] = violations;
      throw new Error(`rule ${rule} of the log is broken: ${text}`);
    }
    this.#checkServes(mayLose);
  }

  /** What became of appends of which it was not known. */
  #markFates(history: readonly LoggedOperation[], final: readonly FinalState[]): void {
    const there = new Set(final.map((one) => (typeof one === 'string' ? '' : one.value)));
    // What was trimmed nobody knows, unless it was read before.
    for (const { outcome, value } of history) if (outcome === 'value') there.add(value);
    const isTrimmed = final.includes('trimmed');
    for (const { kind, outcome, value } of history) {
      if (kind !== 'append' || outcome !== 'unknown') continue;
      if (there.has(value)) this.#world.mark('unknown outcome: it is in the log');
      else if (!isTrimmed) this.#world.mark('unknown outcome: it is not in the log');
    }
  }

  /** A log that is whole takes appends; if it is full, once all of it is trimmed. */
  #checkServes(mayLose: boolean): void {
    const end = this.#world.now() + LIVENESS_MS;
    let append = this.#log.append(this.#owner, 'in the end');
    let outcome = this.#log.end(append);
    while (outcome.kind === 'failed' && outcome.code === 'ERR_LOG_FULL') {
      assert(this.#world.now() < end, 'a trimmed log takes appends');
      this.#trimAll();
      append = this.#log.append(this.#owner, 'after the trim');
      outcome = this.#log.end(append);
      if (outcome.kind === 'done') this.#world.mark('trim made room in the end');
    }
    if (outcome.kind === 'done') return;
    assert(mayLose && outcome.code === 'ERR_CORRUPT', `the log serves: ${append.reason}`);
  }
}

function* repairAndRestore(client: LogClient): Procedure<void> {
  yield* repair(client);
  yield* restore(client);
}
