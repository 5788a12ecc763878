/**
 * One seed of the log's simulation: clients append, read, fill, trim and play streams while the
 * world delays, reorders, loses, stalls and kills. Afterwards all is made well, every position is
 * decided, and what happened is checked against the contract. Throws at the first thing wrong.
 */
import { clientActor, unitActor } from '../../actors/actor-ids.ts';
import { type ActorId, MessageType } from '../../actors/message.ts';
import { Random } from '../../actors/simulation/random.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { trimPosition, trimPrefix } from '../chain.ts';
import { Deadline, exited, lateError } from '../deadline.ts';
import type { LogClient } from '../log-client.ts';
import type { LogEntry, Position } from '../log-entry.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure } from '../procedure.ts';
import { decidePosition, readPosition } from '../read.ts';
import { auditLog } from './log-audit.ts';
import { checkLog, type LoggedOperation, type OperationOutcome } from './log-checker.ts';
import { type Outcome, SEQUENCER, SimulatedLog } from './simulated-log.ts';
import { Observer } from './simulated-observer.ts';
import { StreamPlayer } from './stream-player.ts';

export const STREAMS = [1, 2, 3] as const;
/** Operations of a client: each begins some time after the one before has ended. */
const OPERATIONS_MIN = 4;
const OPERATIONS_SPREAD = 7;
const THINK_MS = 4;
/** The faults end at this time, if the clients have not ended before. */
const FAULTS_END_MS = 4000;
const STEPS_MAX = 40_000;

type Step =
  | 'append'
  | 'read'
  | 'fill'
  | 'trim'
  | 'trim prefix'
  | 'tail'
  | 'play'
  | 'abandon'
  | 'next epoch';

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
  const world = createWorld({
    faults: { killable: drawKillable(shape, clients, chains * replicas), stallMaxMs: 200 },
    stepsMax: STEPS_MAX,
  });
  const workload = new Workload(world, {
    chains,
    replicas,
    clients,
    slots: shape.chance(0.2) ? 16 : 64,
    epochs: shape.chance(0.4),
  });
  workload.run();
}

/** Mostly clients; in some seeds a storage unit or the sequencer. */
function drawKillable(shape: Random, clients: number, units: number): number[] {
  const actors = Array.from({ length: clients }, (_, i) => clientActor(i));
  if (shape.chance(0.2)) {
    const unit = shape.below(units + 1);
    return [unit === units ? SEQUENCER : unitActor(unit)];
  }
  return actors;
}

interface Shape {
  readonly chains: number;
  readonly replicas: number;
  readonly clients: number;
  readonly slots: number;
  /** Clients begin new epochs. */
  readonly epochs: boolean;
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
    world.run();
    this.#checkAllEnded();
    this.#check();
  }

  /** A thread in flight on shared memory: seals and the reuse of trimmed memory wait for it. */
  #holdBack(): void {
    const { random } = this.#world;
    const { threads } = this.#log.memory;
    const begin = random.exponential(10);
    const epoch = 1 + random.below(2);
    this.#world.schedule(begin, () => threads.announce(0, epoch));
    this.#world.schedule(begin + random.exponential(50), () => threads.leave(0));
  }

  #check(): void {
    for (const one of this.#open.values()) {
      // Its client died: nobody knows.
      this.#history.push({ ...one, return: Number.POSITIVE_INFINITY });
    }
    const whole = this.#isAlive(SEQUENCER) && this.#log.units.every((_, i) => this.#unitLives(i));
    if (whole) {
      // The one who began an epoch may have died on the way.
      const epoch = this.#shape.epochs ? this.#log.ran(this.#log.addClient(), nextEpoch) : 1;
      if (epoch > 2) this.#world.mark('epochs changed');
    } else this.#world.mark('unit or sequencer killed');
    const final = whole
      ? auditLog(this.#log, this.#players, this.#observer.grants, STREAMS)
      : undefined;
    const violations = checkLog(this.#history, final);
    if (violations.length === 0) return;
    const [{ rule, text }] = violations;
    throw new Error(`rule ${rule} of the log is broken: ${text}`);
  }

  #isAlive(id: number): boolean {
    return this.#world.isAlive(id);
  }

  #unitLives(unit: number): boolean {
    return this.#isAlive(unitActor(unit));
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
    const step = this.#shape.epochs && random.chance(0.08) ? 'next epoch' : random.pick(STEPS);
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
      case 'next epoch':
        this.#log.run(client, nextEpoch, () => this.#later(client));
        return;
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

/** Seals everything and installs the same chains for the next epoch; returns it. */
function* nextEpoch(client: LogClient): Procedure<number> {
  const { memory } = client;
  client.refreshProjection();
  const { projection, epoch } = client.map;
  const deadline = new Deadline(client);
  for (const unit of client.map.units()) {
    yield* answered(unitActor(unit), MessageType.UNIT_SEAL, epoch, deadline);
  }
  yield* answered(SEQUENCER, MessageType.SEQUENCER_SEAL, epoch, deadline);
  memory.layoutStore.propose({ ...projection, epoch: epoch + 1 });
  // Somebody may be further already.
  const isLatest = memory.layoutStore.latest()?.epoch === epoch + 1;
  if (isLatest) memory.sequencer.setServingEpoch(epoch + 1);
  return epoch + 1;
}

/** Asks until there is an answer, and gives up at the deadline. */
function* answered(
  to: ActorId,
  type: MessageType,
  epoch: number,
  deadline: Deadline,
): Procedure<void> {
  for (;;) {
    const { outcome } = yield* call({ to, type, epoch });
    if (outcome === ACTOR_EXITED) throw exited('an actor', epoch);
    if (outcome !== NO_ANSWER) return;
    if (deadline.passed) throw lateError('a seal', 'the epoch goes on');
  }
}

const decoder = new TextDecoder();

function textOf(payload: Uint8Array): string {
  return decoder.decode(payload);
}
