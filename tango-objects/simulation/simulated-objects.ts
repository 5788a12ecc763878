/**
 * One seed of the objects' simulation: object clients of a simulated log read, change, write checkpoints
 * and trim under all faults of runtime/simulation. Then nothing fails any more: every call has to end,
 * and the views, the outcomes and the history are checked. Throws at the first thing wrong.
 */
import { clientActor } from '../../actors/actor-ids.ts';
import { NO_SEQUENCER } from '../../actors/projection.ts';
import { Random } from '../../actors/simulation/random.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';
import { changeAsAsked } from '../../runtime/asked-change.ts';
import type { LinkKind } from '../../runtime/client-options.ts';
import type { LogClient } from '../../runtime/log-client.ts';
import type { Procedure } from '../../runtime/procedure.ts';
import { repair } from '../../runtime/repair.ts';
import { restore } from '../../runtime/restore.ts';
import type { Slowness, Tears } from '../../runtime/simulation/hosted-actor.ts';
import type { Outcome } from '../../runtime/simulation/operation.ts';
import { Chaos, type ChaosPlan, drawChaos } from '../../runtime/simulation/simulated-chaos.ts';
import { Invariants } from '../../runtime/simulation/simulated-invariants.ts';
import {
  HOUSEKEEPER,
  SEQUENCER,
  SimulatedLog,
  type SimulatedLogOptions,
} from '../../runtime/simulation/simulated-log.ts';
import { Observer } from '../../runtime/simulation/simulated-observer.ts';
import { assert } from '../../shared-memory/assert.ts';
import { checkStrictSerializability } from '../checkers/strict-serializability.ts';
import { CommonFindings } from './common-findings.ts';
import { OBJECTS, ObjectHost } from './object-host.ts';
import { SimulatedObjectClients } from './simulated-object-clients.ts';

const FAULTS_END_MS = 4000;
const STEPS_MAX = 400_000;
/** Who waits for room in a full log gives up by then. */
const LIVENESS_MS = 20_000;
const RESTORE_MS = 5000;
const OWN_REPAIR_MS = 20;
/** The latest of what waits for higher priorities, or comes a second time. */
const LATE_MS_MAX = 400;
const CHUNK_BYTES = 2048;
const CHUNKS_PLENTY = 64;
const CHUNKS_LEAST = 8;

interface Shape extends SimulatedLogOptions {
  readonly clients: number;
  readonly chunks: number;
  readonly housekeeper: boolean;
  readonly reconfigures: boolean;
  readonly tearRate: number;
  readonly slowRate: number;
  readonly compactAt: number;
}

/** What a seed came to, beside the trace of its world. */
export interface ObjectsRun {
  readonly world: World;
  /** As text: all that clients did and were told. */
  readonly history: string;
}

/** Runs one seed and throws if anything is wrong. */
export function simulateObjects(seed: number, createWorld: CreateWorld): ObjectsRun {
  const random = new Random(seed).fork('shape');
  const shape = drawShape(random);
  // What is lost with a whole chain, or granted anew, no view can know.
  const chaos = { ...drawChaos(random.fork('chaos')), mayLose: false, losesSequencer: false };
  const killable = drawKillable(random, shape);
  const world = createWorld({
    faults: { killable, killsMax: 1 + random.below(3), stallMaxMs: 200 },
    stepsMax: STEPS_MAX,
  });
  return new Seed(world, shape, chaos, random.fork('faults')).run();
}

function drawShape(random: Random): Shape {
  const links: LinkKind[][] = [['mailbox'], ['direct'], ['mailbox', 'direct']];
  const isPaced = random.chance(0.8);
  const slow = random.fork('slow');
  return {
    chains: 1 + random.below(2),
    replicas: random.chance(0.1) ? 1 : 2 + random.below(2),
    clients: 2 + random.below(3),
    spares: random.chance(0.8) ? 1 + random.below(4) : 0,
    actorThreads: 2 + random.below(4),
    slots: random.chance(0.2) ? 64 : 256,
    chunks: random.chance(0.3) ? CHUNKS_LEAST + random.below(8) : CHUNKS_PLENTY,
    chunkBytes: CHUNK_BYTES,
    // Some know nothing, and some forget soon.
    verdicts: random.pick([0, 0, 4, 1024]),
    links: random.pick(links),
    isPaced: () => isPaced,
    repairs: true,
    housekeeper: random.chance(0.7),
    reconfigures: random.chance(0.5),
    tearRate: random.chance(0.5) ? random.logarithmic(0.002, 0.2) : 0,
    slowRate: slow.chance(0.5) ? slow.logarithmic(0.02, 0.8) : 0,
    compactAt: random.pick([0, 0.3, 0.5, 0.5]),
  };
}

/** Clients, or the threads of actors, or all of them; the world kills few of them in a run. */
function drawKillable(random: Random, { clients, housekeeper }: Shape): number[] {
  const some = Array.from({ length: clients }, (_, i) => clientActor(i));
  const actors = housekeeper ? [SEQUENCER, HOUSEKEEPER] : [SEQUENCER];
  return random.pick([[], some, actors, [...some, ...actors]]);
}

class Seed {
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #shape: Shape;
  readonly #random: Random;
  readonly #chaos: Chaos;
  readonly #tears: Tears;
  readonly #slowness: Slowness;
  readonly #findings = new CommonFindings();
  readonly #invariants: Invariants;
  readonly #hosts: ObjectHost[] = [];
  readonly #clients: SimulatedObjectClients;
  /** Acts for the owner: nothing happens to it. */
  readonly #owner: number;

  constructor(world: World, shape: Shape, plan: ChaosPlan, random: Random) {
    this.#world = world;
    this.#shape = shape;
    this.#random = random;
    const observer = new Observer(world);
    this.#tears = { random: random.fork('tears'), rate: shape.tearRate, longestMs: 100 };
    this.#slowness = { random: random.fork('slowness'), rate: shape.slowRate };
    this.#log = new SimulatedLog(world, {
      ...shape,
      tears: this.#tears,
      slowness: this.#slowness,
      wrap: observer.wrap,
      notes: observer,
      onClient: observer.onClient,
    });
    observer.watch(this.#log);
    this.#log.onExited = (id) => this.#exited(id);
    this.#invariants = new Invariants(this.#log);
    this.#chaos = new Chaos(this.#log, observer, plan, random);
    for (const client of this.#log.clients.keys()) this.#host(client);
    this.#clients = new SimulatedObjectClients(this.#log, {
      hosts: this.#hosts,
      change: shape.reconfigures ? () => this.#chaos.change() : undefined,
    });
    this.#owner = this.#log.addClient('mailbox');
    this.#host(this.#owner);
    const { supervisor } = this.#log;
    supervisor.repairer = (then) => this.#log.run(this.#owner, repair, then);
    if (random.chance(0.5)) supervisor.ownRepairMs = OWN_REPAIR_MS;
  }

  run(): ObjectsRun {
    const world = this.#world;
    this.#clients.begin();
    this.#chaos.begin();
    world.run({ untilMs: FAULTS_END_MS, until: () => this.#clients.areQuiet() });
    this.#clients.stop();
    this.#chaos.end();
    this.#tears.rate = 0;
    this.#slowness.rate = 0;
    const { duplicateRate, lagMs } = world.faults;
    world.stopFaults();
    this.#log.supervisor.ownRepairMs = OWN_REPAIR_MS;
    world.run({ untilMs: world.now() + LIVENESS_MS, until: () => this.#clients.areQuiet() });
    this.#clients.checkAllEnded();
    // What comes late would change the log while it is looked at.
    if (duplicateRate > 0 || lagMs > 0) world.run({ untilMs: world.now() + LATE_MS_MAX });
    this.#restore();
    this.#checkServes();
    this.#checkViews();
    const history = this.#clients.history();
    const { anomalies } = checkStrictSerializability(history);
    if (anomalies.length > 0) throw new Error(anomalies[0].explanation);
    return { world, history: JSON.stringify(history) };
  }

  #host(index: number): void {
    const random = this.#random;
    const isOwner = index === this.#shape.clients;
    const some = OBJECTS.filter(() => random.chance(0.6));
    this.#hosts.push(
      new ObjectHost({
        client: this.#log.clients[index],
        thread: this.#log.threadOf(index).index,
        findings: this.#findings,
        hosted: isOwner ? OBJECTS : some,
        compactAt: this.#shape.compactAt,
        knowsAll: isOwner || random.chance(0.7),
        isDeaf: random.chance(0.3),
        mark: (name) => this.#world.mark(name),
        acknowledged: (position, text) => this.#invariants.acknowledged(position, text),
      }),
    );
  }

  #exited(id: number): void {
    const host = this.#hosts[id - clientActor(0)];
    if (host?.isBetweenMarkAndRecord) {
      this.#world.mark('checkpointer killed between mark and record');
    }
  }

  /** Brings the log back to full strength, unless it is too full of state for that. */
  #restore(): void {
    const log = this.#log;
    const world = this.#world;
    const end = world.now() + RESTORE_MS;
    const isOver = (): boolean => log.isWhole && log.areAllNoticed;
    for (;;) {
      world.run({ untilMs: Math.min(end, world.now() + 50), until: isOver });
      const outcome = log.end(log.run(this.#owner, repairAndRestore));
      if (isOver() && outcome.kind === 'done') break;
      const isFull = outcome.kind === 'failed' && outcome.code === 'ERR_LOG_FULL';
      if (world.now() >= end) {
        assert(this.#shape.chunks !== CHUNKS_PLENTY || isFull, 'the log is whole again');
        this.#world.mark('too full to be restored');
        break;
      }
      if (isFull) log.end(log.run(this.#owner, () => this.#hosts[this.#owner].compaction.run()));
    }
    if (log.map().sequencer !== NO_SEQUENCER) return;
    log.ran(this.#owner, (client) => changeAsAsked(client, { sequencer: 'replace' }));
  }

  /** Changes and transactions of the owner end, and well if there is room. */
  #checkServes(): void {
    for (const what of ['update', 'transact'] as const) {
      let ended: Outcome<unknown> | undefined;
      const then = (outcome: Outcome<unknown>): void => {
        ended = outcome;
      };
      this.#log.act(this.#owner, () => this.#clients[what](this.#owner, then));
      this.#world.run({ until: () => ended !== undefined });
      assert(ended !== undefined, `the objects serve: ${what}`);
      const isFull = ended.kind === 'failed' && ended.code === 'ERR_LOG_FULL';
      if (isFull) this.#world.mark('full of state in the end');
      const code = ended.kind === 'failed' ? ended.code : '';
      assert(ended.kind === 'done' || isFull, `the objects serve: ${what}, ${code}`);
    }
  }

  /** Those of the living, those played anew, those from a checkpoint: all the same. */
  #checkViews(): void {
    for (const [index, host] of this.#hosts.entries()) {
      if (!this.#world.isAlive(clientActor(index))) continue;
      if (this.#read(index, host.catchUp()) !== undefined) host.look();
    }
    const owner = this.#hosts[this.#owner];
    const { position } = owner.playback;
    this.#read(this.#owner, owner.at(position, true));
    const views = this.#read(this.#owner, owner.at(position, false));
    if (views !== undefined) this.#clients.readAll(views.value);
  }

  /** Undefined: there is no room to complete what a dead thread has left. */
  #read<T>(client: number, procedure: Procedure<T>): { readonly value: T } | undefined {
    const outcome = this.#log.end(this.#log.run(client, () => procedure));
    if (outcome.kind === 'done') return outcome;
    const isFull = outcome.code === 'ERR_LOG_FULL' && this.#shape.chunks !== CHUNKS_PLENTY;
    assert(isFull, `views are read in the end: ${outcome.code}`);
    this.#world.mark('too full to be read');
    return undefined;
  }
}

function* repairAndRestore(client: LogClient): Procedure<void> {
  yield* repair(client);
  yield* restore(client);
}
