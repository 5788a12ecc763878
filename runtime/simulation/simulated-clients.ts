/** What the clients of a simulated log do, and the history of it. */
import { clientActor } from '../../actors/actor-ids.ts';
import { MessageType } from '../../actors/message.ts';
import { rebuildOf } from '../../actors/next-projection.ts';
import { NO_SEQUENCER } from '../../actors/projection.ts';
import type { Random } from '../../actors/simulation/random.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { trimPosition, trimPrefix } from '../chain.ts';
import type { LogClient } from '../log-client.ts';
import { type LogEntry, type Position, shown } from '../log-entry.ts';
import { call, type Procedure } from '../procedure.ts';
import { decidePosition, readPosition } from '../read.ts';
import { checkpointStreams } from '../stream-checkpointer.ts';
import type { LoggedOperation, OperationOutcome } from './log-checker.ts';
import type { Outcome } from './operation.ts';
import type { Invariants } from './simulated-invariants.ts';
import type { SimulatedLog } from './simulated-log.ts';
import type { Observer } from './simulated-observer.ts';
import { StreamPlayer } from './stream-player.ts';

export const STREAMS = [1, 2, 3] as const;
/** Operations of a client: each begins some time after the one before has ended. */
const OPERATIONS_MIN = 4;
const OPERATIONS_SPREAD = 7;
const THINK_MS = 4;
/** Positions between two checkpoints of the stream state. */
const CHECKPOINT_EVERY = 3;
const CHANGE_CHANCE = 0.08;

type Step =
  | 'append'
  | 'read'
  | 'fill'
  | 'trim'
  | 'trim prefix'
  | 'tail'
  | 'play'
  | 'abandon'
  | 'checkpoint';

const STEPS: readonly Step[] = [
  ...Array<Step>(9).fill('append'),
  ...Array<Step>(4).fill('read'),
  ...Array<Step>(2).fill('fill'),
  'trim',
  'trim prefix',
  'tail',
  ...Array<Step>(3).fill('play'),
  ...Array<Step>(2).fill('abandon'),
  'checkpoint',
];

const STEPS_WITHOUT_PLAY = STEPS.filter((step) => step !== 'play');

export interface SimulatedClientsOptions {
  /** Whether they play streams: what was granted anew is not what a player was told of. */
  readonly plays: boolean;
  /** A change of the projection that a client carries out; undefined: none does. */
  readonly change: (() => (client: LogClient) => Procedure<unknown>) | undefined;
}

export class SimulatedClients {
  readonly players: StreamPlayer[];
  readonly #world: World;
  readonly #random: Random;
  readonly #log: SimulatedLog;
  readonly #observer: Observer;
  readonly #invariants: Invariants;
  readonly #options: SimulatedClientsOptions;
  readonly #ended: LoggedOperation[] = [];
  /** Operations begun and not ended, by number. */
  readonly #open = new Map<number, LoggedOperation>();
  readonly #left: number[];
  /** Counts every begin and end: a clock on which no two moments are equal. */
  #moment = 0;
  #appends = 0;
  #wasFull = false;
  #checkpoints = 0;

  /** Of the clients that the log has now. */
  constructor(
    log: SimulatedLog,
    observer: Observer,
    invariants: Invariants,
    options: SimulatedClientsOptions,
  ) {
    this.#log = log;
    this.#world = log.world;
    this.#random = log.world.random;
    this.#observer = observer;
    this.#invariants = invariants;
    this.#options = options;
    this.players = log.clients.flatMap((client) =>
      STREAMS.map((stream) => new StreamPlayer(client, stream)),
    );
    this.#left = log.clients.map(() => OPERATIONS_MIN + this.#random.below(OPERATIONS_SPREAD));
  }

  begin(): void {
    for (const index of this.#left.keys()) {
      this.#later(index);
      // A second operation at the same time.
      if (this.#random.chance(0.4)) this.#later(index);
    }
  }

  /** Under way, those of dead clients included. */
  get checkpoints(): number {
    return this.#checkpoints;
  }

  allEnded(): boolean {
    return this.#left.every((left, i) => left === 0 || !this.#isAlive(i));
  }

  /** Nothing of a living client is under way. */
  areQuiet(): boolean {
    return this.#log.clients.every((client, i) => client.busy === 0 || !this.#isAlive(i));
  }

  /** Once all is well, each operation of a living client comes to an end. */
  checkAllEnded(): void {
    this.#log.clients.forEach((client, i) => {
      if (!this.#isAlive(i)) return;
      assert(client.busy === 0, `every operation ends: client=${i}, busy=${client.busy}`);
      assert((this.#left[i] ?? 0) === 0, 'every operation was begun');
    });
    for (const { client, kind } of this.#open.values()) {
      assert(!this.#isAlive(client), `an operation of a living client has ended: ${kind}`);
    }
  }

  /** Everything that was begun. */
  history(): LoggedOperation[] {
    // Of an operation whose client has died nobody knows.
    const open = [...this.#open.values()].map((one) => ({
      ...one,
      return: Number.POSITIVE_INFINITY,
    }));
    return [...this.#ended, ...open];
  }

  #isAlive(client: number): boolean {
    return this.#world.isAlive(clientActor(client));
  }

  /** The client's next operation, some time from now. */
  #later(client: number): void {
    const delay = this.#random.exponential(THINK_MS);
    this.#world.actAfter(clientActor(client), delay, () => {
      this.#log.hosted(clientActor(client))?.within(() => this.#next(client));
    });
  }

  #next(client: number): void {
    if (this.#left[client] === 0) return;
    this.#left[client]--;
    const random = this.#random;
    const { change } = this.#options;
    if (change !== undefined && random.chance(CHANGE_CHANCE)) {
      this.#log.run(client, change(), (outcome) => this.#told(client, outcome));
      return;
    }
    const step = random.pick(this.#options.plays ? STEPS : STEPS_WITHOUT_PLAY);
    const { tail } = this.#log;
    const position = random.below(tail + 1);
    switch (step) {
      case 'append':
        return this.#append(client);
      case 'tail':
        return this.#tail(client);
      case 'play':
        return this.#play(client, random.below(STREAMS.length), random.chance(0.5));
      case 'abandon':
        return this.#abandon(client, random.pick(STREAMS), 1 + random.below(5));
      case 'checkpoint':
        return this.#checkpoint(client);
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

  /** An operation has ended that tells nothing but errors. */
  #told(client: number, outcome: Outcome<unknown>): void {
    if (outcome.kind === 'failed' && outcome.code === 'ERR_CORRUPT') {
      assert(outcome.position !== undefined, 'it is told what is lost');
      this.#world.mark('lost positions reported');
    }
    this.#later(client);
  }

  #append(client: number): void {
    const streams = STREAMS.filter(() => this.#random.chance(0.4));
    const value = `v${++this.#appends}`;
    const logged = this.#begin('append', client, -1, value, 'unknown');
    this.#log.append(client, value, streams, (outcome) => {
      this.#told(client, outcome);
      if (outcome.kind === 'done') {
        if (this.#wasFull) this.#world.mark('append after a full log');
        this.#invariants.acknowledged(outcome.value, value);
        this.#observer.acknowledged(this.#log.clients[client], outcome.value);
        return logged.end('ok', outcome.value);
      }
      // An error that names a position: something may have been left there.
      const unknown = outcome.position !== undefined;
      if (unknown) this.#world.mark('unknown outcome');
      else if (outcome.code === 'ERR_LOG_FULL') this.#foundFull();
      logged.end(unknown ? 'unknown' : 'failed', -1);
    });
  }

  /** It is not in the log, and the checker holds the log to that. */
  #foundFull(): void {
    this.#wasFull = true;
    this.#world.mark('append found the log full');
  }

  #tail(client: number): void {
    const logged = this.#begin('tail', client, 0, '');
    const one = this.#log.clients[client];
    one.enter();
    const tail = one.tail();
    one.exit();
    logged.end('ok', tail);
    this.#later(client);
  }

  #read(
    client: number,
    position: Position,
    procedure: (client: LogClient, position: Position) => Procedure<LogEntry>,
  ): void {
    const logged = this.#begin('read', client, position, '');
    const isHole = this.#log.isHole(position);
    this.#log.run(
      client,
      (one) => procedure(one, position),
      (outcome) => {
        this.#told(client, outcome);
        if (isHole && outcome.kind === 'done') this.#world.mark('read hit a hole');
        if (outcome.kind === 'done') return logged.endWith(shown(outcome.value));
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
    const playing = this.players.some((player) => player.playing);
    const rebuilding = rebuildOf(this.#log.projection) !== undefined;
    this.#log.run(
      client,
      (one) => procedure(one, position),
      (outcome) => {
        this.#told(client, outcome);
        const isDone = outcome.kind === 'done';
        if (playing && isDone) this.#world.mark('trim during playback');
        if (rebuilding && isDone) this.#world.mark('trim during rebuild');
        logged.end(isDone ? 'ok' : 'failed', position);
      },
    );
  }

  #play(client: number, stream: number, byNext: boolean): void {
    const player = this.players[client * STREAMS.length + stream];
    if (player.playing) return this.#later(client);
    const called = ++this.#moment;
    player.playing = true;
    player.onEntry = (position, value) => {
      const one = { kind: 'play', client, position, value, outcome: 'value' } as const;
      this.#ended.push({ ...one, call: called, return: ++this.#moment });
    };
    this.#log.run(
      client,
      () => player.play(byNext),
      (outcome) => {
        player.playing = false;
        this.#told(client, outcome);
      },
    );
  }

  #checkpoint(client: number): void {
    const base = this.#log.tail;
    this.#checkpoints += 1;
    this.#log.run(
      client,
      (one) => checkpointStreams(one, CHECKPOINT_EVERY),
      (outcome) => {
        this.#checkpoints -= 1;
        const isWritten = this.#log.memory.sequencer.checkpointPosition() >= base;
        if (outcome.kind === 'done' && isWritten) {
          this.#observer.checkpoint = { base, last: this.#log.tail };
        }
        this.#told(client, outcome);
      },
    );
  }

  /** Takes tokens and writes nothing: what a client leaves that dies right after the answer. */
  #abandon(client: number, stream: number, tokens: number): void {
    this.#log.run(
      client,
      function* (one): Procedure<void> {
        for (let i = 0; i < tokens; i++) {
          const { epoch, sequencer } = one.map;
          if (sequencer === NO_SEQUENCER) return;
          const type = MessageType.SEQUENCER_NEXT;
          yield* call({ to: sequencer, type, epoch, extra: [stream] });
        }
      },
      (outcome) => this.#told(client, outcome),
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
      this.#ended.push({ ...base, outcome, position: at, value: text, return: returned });
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

const decoder = new TextDecoder();

function textOf(payload: Uint8Array): string {
  return decoder.decode(payload);
}
