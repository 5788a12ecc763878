/**
 * One seed of the log's simulation: clients append, read, fill, trim, play streams and reconfigure
 * while the world delays, reorders, loses, stalls and kills, and threads and memories come and go.
 * Then nothing fails any more: everything under way has to end, every position is decided, and what
 * happened is checked against the contract. Throws at the first thing wrong.
 */
import { clientActor } from '../../actors/actor-ids.ts';
import { NO_SEQUENCER } from '../../actors/projection.ts';
import { Random } from '../../actors/simulation/random.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { changeAsAsked } from '../asked-change.ts';
import type { LinkKind } from '../client-options.ts';
import type { LogClient } from '../log-client.ts';
import type { Procedure } from '../procedure.ts';
import { repair } from '../repair.ts';
import { restore } from '../restore.ts';
import type { Tears } from './hosted-actor.ts';
import { auditLog } from './log-audit.ts';
import { checkLog } from './log-checker.ts';
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
const HELD_BACK_MS_MAX = 200;

interface Shape extends SimulatedLogOptions {
  readonly clients: number;
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
    links: random.pick(links),
    isPaced: () => isPaced,
    repairs: true,
    housekeeper: random.chance(0.7),
    reconfigures: random.chance(0.5),
    tearRate: random.chance(0.5) ? random.logarithmic(0.002, 0.2) : 0,
    ownRepairs: random.chance(0.5),
  };
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
    world.stopFaults();
    this.#log.supervisor.ownRepairMs = OWN_REPAIR_MS;
    // Liveness: once nothing fails any more, everything under way comes to an end.
    const end = world.now() + LIVENESS_MS;
    world.run({ untilMs: end, until: () => this.#clients.allEnded() && this.#clients.areQuiet() });
    this.#clients.checkAllEnded();
    this.#restore();
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
    const end = world.now() + LIVENESS_MS;
    const isOver = (): boolean => log.isWhole && log.areAllNoticed;
    for (;;) {
      world.run({ untilMs: Math.min(end, world.now() + 50), until: isOver });
      // The last death may still hold up whoever reconfigures.
      if (isOver() && log.end(log.run(this.#owner, repairAndRestore)).kind === 'done') break;
      assert(world.now() < end, 'the log is whole again');
      if (!this.#shape.housekeeper) log.end(log.run(this.#owner, repairAndRestore));
    }
    if (log.map().sequencer !== NO_SEQUENCER) return;
    log.ran(this.#owner, (client) => changeAsAsked(client, { sequencer: 'replace' }));
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
    const violations = checkLog(this.#clients.history(), final).filter(
      // What the sequencer's memory has forgotten, its tail may go back to.
      ({ rule }) => !(this.#plan.losesSequencer && 'efg'.includes(rule)),
    );
    if (violations.length > 0) {
      const [{ rule, text }] = violations;
      throw new Error(`rule ${rule} of the log is broken: ${text}`);
    }
    this.#checkServes(mayLose);
  }

  /** A log that is whole takes appends, unless it is full. */
  #checkServes(mayLose: boolean): void {
    const append = this.#log.append(this.#owner, 'in the end');
    const outcome = this.#log.end(append);
    if (outcome.kind === 'done' || outcome.code === 'ERR_LOG_FULL') return;
    assert(mayLose && outcome.code === 'ERR_CORRUPT', `the log serves: ${append.reason}`);
  }
}

function* repairAndRestore(client: LogClient): Procedure<void> {
  yield* repair(client);
  yield* restore(client);
}
