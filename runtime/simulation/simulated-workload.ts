/**
 * One seed of the log's simulation: clients append, read, fill, trim and play streams while the
 * world delays, reorders, loses, stalls and kills. Afterwards all is made well, every position is
 * decided, and what happened is checked against the contract. Throws at the first thing wrong.
 */
import { clientActor, unitActor } from '../../actors/actor-ids.ts';
import { MessageType } from '../../actors/message.ts';
import { Random } from '../../actors/simulation/random.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { changeAsAsked, type ProjectionChange } from '../asked-change.ts';
import { trimPosition, trimPrefix } from '../chain.ts';
import type { LinkKind } from '../client-options.ts';
import type { LogClient } from '../log-client.ts';
import type { LogEntry, Position } from '../log-entry.ts';
import { call, type Procedure } from '../procedure.ts';
import { decidePosition, readPosition } from '../read.ts';
import { repair } from '../repair.ts';
import { restore } from '../restore.ts';
import { auditLog } from './log-audit.ts';
import { checkLog, type LoggedOperation, type OperationOutcome } from './log-checker.ts';
import {
  type Outcome,
  SEQUENCER,
  SimulatedLog,
  type SimulatedLogOptions,
} from './simulated-log.ts';
import { Observer } from './simulated-observer.ts';
import { HOUSEKEEPER } from './simulated-threads.ts';
import { StreamPlayer } from './stream-player.ts';

export const STREAMS = [1, 2, 3] as const;
/** Operations of a client: each begins some time after the one before has ended. */
const OPERATIONS_MIN = 4;
const OPERATIONS_SPREAD = 7;
const THINK_MS = 4;
/** The faults end at this time, if the clients have not ended before. */
const FAULTS_END_MS = 4000;
const STEPS_MAX = 200_000;
/** Once nothing fails any more, everything ends within this time (RELIABILITY 2.3). */
const LIVENESS_MS = 5000;

type Step =
  | 'append'
  | 'read'
  | 'fill'
  | 'trim'
  | 'trim prefix'
  | 'tail'
  | 'play'
  | 'abandon'
  | 'reconfigure';

const STEPS: readonly Step[] = [
  ...Array<Step>(9).fill('append'),
  ...Array<Step>(4).fill('read'),
  ...Array<Step>(2).fill('fill'),
  'trim',
  'trim prefix',
  'tail',
  ...Array<Step>(3).fill('play'),
  ...Array<Step>(2).fill('abandon'),
];

/** Runs one seed and throws if anything is wrong. */
export function simulateLog(seed: number, createWorld: CreateWorld): undefined {
  const shape = new Random(seed).fork('shape');
  const chains = 1 + shape.below(2);
  const replicas = 2 + shape.below(2);
  const clients = 2 + shape.below(3);
  const spares = shape.chance(0.7) ? 1 + shape.below(3) : 0;
  const housekeeper = shape.chance(0.7);
  const killable = drawKillable(shape, clients, chains * replicas, housekeeper);
  const world = createWorld({
    faults: { killable, killsMax: 1 + shape.below(3), stallMaxMs: 200 },
    stepsMax: STEPS_MAX,
  });
  const workload = new Workload(world, {
    chains,
    replicas,
    clients,
    spares,
    housekeeper,
    repairs: true,
    links: shape.pick([['mailbox'], ['direct'], ['mailbox', 'direct']] as LinkKind[][]),
    slots: shape.chance(0.2) ? 16 : 64,
    reconfigures: shape.chance(0.5),
  });
  workload.run();
}

/** Mostly clients; in some seeds the threads of actors, or all of them. */
function drawKillable(
  shape: Random,
  clients: number,
  units: number,
  housekeeper: boolean,
): number[] {
  const some = Array.from({ length: clients }, (_, i) => clientActor(i));
  const actors = [SEQUENCER, ...Array.from({ length: units }, (_, i) => unitActor(i))];
  if (housekeeper) actors.push(HOUSEKEEPER);
  const drawn = shape.below(3);
  if (drawn === 0) return some;
  return drawn === 1 ? actors : [...some, ...actors];
}

interface Shape extends SimulatedLogOptions {
  readonly clients: number;
  readonly slots: number;
  readonly housekeeper: boolean;
  /** Clients reconfigure. */
  readonly reconfigures: boolean;
}

class Workload {
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #observer: Observer;
  readonly #players: StreamPlayer[];
  readonly #history: LoggedOperation[] = [];
  /** Operations begun and not ended, by number. */
  readonly #open = new Map<number, LoggedOperation>();
  readonly #left: number[];
  /** Counts every begin and end: a clock on which no two moments are equal. */
  #moment = 0;
  #appends = 0;
  readonly #shape: Shape;

  constructor(world: World, shape: Shape) {
    this.#world = world;
    this.#shape = shape;
    this.#observer = new Observer(world);
    this.#log = new SimulatedLog(world, { ...shape, wrap: this.#observer.wrap });
    this.#observer.watch(this.#log);
    this.#log.onExited = (id) => {
      const client = id - clientActor(0);
      if (client >= 0) this.#observer.clientDied(client + 1);
    };
    this.#players = this.#log.clients.flatMap((client) =>
      STREAMS.map((stream) => new StreamPlayer(client, stream)),
    );
    this.#left = this.#log.clients.map(
      () => OPERATIONS_MIN + world.random.below(OPERATIONS_SPREAD),
    );
  }

  run(): void {
    const world = this.#world;
    this.#log.clients.forEach((_client, index) => {
      this.#later(index);
      // A second operation at the same time.
      if (world.random.chance(0.4)) this.#later(index);
    });
    if (world.random.chance(0.3)) this.#holdBack();
    world.run({ untilMs: FAULTS_END_MS, until: () => this.#allEnded() });
    world.stopFaults();
    // Liveness: once nothing fails any more, everything under way comes to an end.
    const end = world.now() + LIVENESS_MS;
    world.run({ untilMs: end, until: () => this.#allEnded() && this.#isQuiet() });
    this.#checkAllEnded();
    this.#restore();
    this.#check();
  }

  /** A thread in flight on shared memory: seals and the reuse of trimmed memory wait for it. */
  #holdBack(): void {
    const { random } = this.#world;
    const { threads } = this.#log.memory;
    const begin = random.exponential(10);
    const { bystander } = this.#log;
    this.#world.schedule(begin, () => threads.announce(bystander));
    this.#world.schedule(begin + random.exponential(50), () => threads.leave(bystander));
  }

  #check(): void {
    for (const one of this.#open.values()) {
      // Its client died: nobody knows.
      this.#history.push({ ...one, return: Number.POSITIVE_INFINITY });
    }
    const { epoch } = this.#log.projection;
    if (epoch > 2) this.#world.mark('epochs changed');
    const final = auditLog(this.#log, this.#players, this.#observer.grants, STREAMS);
    const violations = checkLog(this.#history, final);
    if (violations.length === 0) return;
    const [{ rule, text }] = violations;
    throw new Error(`rule ${rule} of the log is broken: ${text}`);
  }

  #isAlive(id: number): boolean {
    return this.#world.isAlive(id);
  }

  /** Nothing of a living client is under way. */
  #isQuiet(): boolean {
    return this.#log.clients.every(
      (client, i) => client.busy === 0 || !this.#isAlive(clientActor(i)),
    );
  }

  /** Brings the log back to full strength, as the housekeeper does where there is one. */
  #restore(): void {
    const log = this.#log;
    const world = this.#world;
    const end = world.now() + LIVENESS_MS;
    const restorer = log.addClient();
    for (;;) {
      world.run({ untilMs: Math.min(end, world.now() + 50), until: () => log.isWhole });
      if (log.isWhole) break;
      assert(world.now() < end, 'the log is whole again');
      if (!this.#shape.housekeeper) log.ran(restorer, repairAndRestore);
    }
    log.ran(restorer, repairAndRestore);
  }

  #allEnded(): boolean {
    return this.#left.every((left, i) => left === 0 || !this.#isAlive(clientActor(i)));
  }

  /** Once all is well, each operation of a living client comes to an end. */
  #checkAllEnded(): void {
    this.#log.clients.forEach((client, i) => {
      if (!this.#isAlive(clientActor(i))) return;
      assert(client.busy === 0, `every operation ends: client=${i}, busy=${client.busy}`);
      assert(this.#left[i] === 0, 'every operation was begun');
    });
    for (const { client } of this.#open.values()) {
      assert(!this.#isAlive(clientActor(client)), 'an operation of a living client has ended');
    }
  }

  /** The client's next operation, some time from now. */
  #later(client: number): void {
    const delay = this.#world.random.exponential(THINK_MS);
    this.#world.actAfter(clientActor(client), delay, () => this.#next(client));
  }

  #next(client: number): void {
    if (this.#left[client] === 0) return;
    this.#left[client]--;
    const { random } = this.#world;
    const step =
      this.#shape.reconfigures && random.chance(0.08) ? 'reconfigure' : random.pick(STEPS);
    const { tail } = this.#log;
    const position = random.below(tail + 1);
    switch (step) {
      case 'append':
        return this.#append(client);
      case 'tail':
        this.#begin('tail', client, 0, '').end('ok', tail);
        return this.#later(client);
      case 'play':
        return this.#play(client, random.below(STREAMS.length), random.chance(0.5));
      case 'abandon':
        return this.#abandon(client, random.pick(STREAMS), 1 + random.below(5));
      case 'reconfigure':
        return this.#reconfigure(client);
      case 'read':
        return this.#read(client, position, readPosition);
      default:
        if (tail === 0) return this.#append(client);
    }
    const below = random.below(tail);
    if (step === 'fill') this.#read(client, below, decidePosition);
    else if (step === 'trim') this.#trim(step, client, below, trimPosition);
    else this.#trim(step, client, random.below(1 + Math.ceil(tail / 2)), trimPrefix);
  }

  #reconfigure(client: number): void {
    const { random } = this.#world;
    const units = this.#log.projection.ranges.flatMap(({ extents }) =>
      extents.flatMap(({ chain }) => chain),
    );
    const { replicas } = this.#log;
    const change = random.pick<ProjectionChange>([
      { sequencer: 'replace' },
      { remove: random.pick(units) },
      { add: replicas },
      { remove: random.pick(units), sequencer: 'replace' },
    ]);
    this.#log.run(
      client,
      (one) => changeAsAsked(one, change),
      (outcome) => {
        if (outcome.kind === 'done') {
          if (change.remove !== undefined) this.#world.mark('unit replaced');
          if (change.sequencer !== undefined) this.#world.mark('sequencer replaced');
          if (change.add !== undefined) this.#world.mark('growth');
        }
        this.#later(client);
      },
    );
  }

  #append(client: number): void {
    const { random } = this.#world;
    const streams = STREAMS.filter(() => random.chance(0.4));
    const value = `v${++this.#appends}`;
    const logged = this.#begin('append', client, -1, value, 'unknown');
    this.#log.append(client, value, streams, (outcome) => {
      this.#later(client);
      if (outcome.kind === 'done') return logged.end('ok', outcome.value);
      // An error that names a position: something may have been left there.
      const unknown = outcome.position !== undefined;
      if (unknown) this.#world.mark('unknown outcome');
      logged.end(unknown ? 'unknown' : 'failed', -1);
    });
  }

  #read(
    client: number,
    position: Position,
    procedure: (client: LogClient, position: Position) => Procedure<LogEntry>,
  ): void {
    const logged = this.#begin('read', client, position, '');
    this.#log.run(
      client,
      (one) => procedure(one, position),
      (outcome) => {
        this.#later(client);
        if (outcome.kind === 'done') return logged.endWith(outcome.value);
        logged.end(outcome.code === 'ERR_UNWRITTEN' ? 'unwritten' : 'failed', position);
      },
    );
  }

  #trim(
    kind: 'trim' | 'trim prefix',
    client: number,
    position: Position,
    procedure: (client: LogClient, position: Position) => Procedure<void>,
  ): void {
    const logged = this.#begin(kind, client, position, '');
    const playing = this.#players.some((player) => player.playing);
    this.#log.run(
      client,
      (one) => procedure(one, position),
      (outcome) => {
        this.#later(client);
        if (playing && outcome.kind === 'done') this.#world.mark('trim during playback');
        logged.end(outcome.kind === 'done' ? 'ok' : 'failed', position);
      },
    );
  }

  #play(client: number, stream: number, byNext: boolean): void {
    const player = this.#players[client * STREAMS.length + stream];
    if (player.playing) return this.#later(client);
    const called = ++this.#moment;
    const onEnd = (_outcome: Outcome<void>): void => {
      player.playing = false;
      this.#later(client);
    };
    player.playing = true;
    player.onEntry = (position, value) => {
      const one = { kind: 'play', client, position, value, outcome: 'value' } as const;
      this.#history.push({ ...one, call: called, return: ++this.#moment });
    };
    this.#log.run(client, () => player.play(byNext), onEnd);
  }

  /** Takes tokens and writes nothing: what a client leaves that dies right after the answer. */
  #abandon(client: number, stream: number, tokens: number): void {
    this.#log.run(
      client,
      function* (one): Procedure<void> {
        for (let i = 0; i < tokens; i++) {
          const { epoch, sequencer } = one.map;
          const type = MessageType.SEQUENCER_NEXT;
          yield* call({ to: sequencer, type, epoch, extra: [stream] });
        }
      },
      () => this.#later(client),
    );
  }

  /** Notes the beginning of an operation; call one of the results' functions at its end. */
  #begin(
    kind: LoggedOperation['kind'],
    client: number,
    position: Position,
    value: string,
    meanwhile: OperationOutcome = 'failed',
  ): { end(outcome: OperationOutcome, at: Position): void; endWith(entry: LogEntry): void } {
    const called = ++this.#moment;
    const base = { kind, client, position, value, call: called, return: 0, outcome: meanwhile };
    this.#open.set(called, base);
    const log = (outcome: OperationOutcome, at: Position, text = value): void => {
      this.#open.delete(called);
      const returned = ++this.#moment;
      this.#history.push({ ...base, outcome, position: at, value: text, return: returned });
    };
    return {
      end: log,
      endWith: (entry) => {
        if (entry.kind === 'data') log('value', entry.position, textOf(entry.payload));
        else log(entry.kind, entry.position);
      },
    };
  }
}

function* repairAndRestore(client: LogClient): Procedure<void> {
  yield* repair(client);
  yield* restore(client);
}

const decoder = new TextDecoder();

function textOf(payload: Uint8Array): string {
  return decoder.decode(payload);
}
