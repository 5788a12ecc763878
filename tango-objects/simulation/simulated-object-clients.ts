/** What the object clients of a simulated log do, and the history of it. */
import { clientActor } from '../../actors/actor-ids.ts';
import type { Random } from '../../actors/simulation/random.ts';
import type { World } from '../../actors/simulation/world.ts';
import { TangoError } from '../../actors/tango-error.ts';
import type { LogClient } from '../../runtime/log-client.ts';
import { type Procedure, pause } from '../../runtime/procedure.ts';
import type { Outcome } from '../../runtime/simulation/operation.ts';
import type { SimulatedLog } from '../../runtime/simulation/simulated-log.ts';
import { encodeKey } from '../../runtime/views/object-key.ts';
import type { RecordOutcome } from '../../runtime/views/playback.ts';
import {
  type Commit,
  type ObjectId,
  type ObjectRecord,
  type Read,
  RecordKind,
  type Update,
} from '../../runtime/views/record.ts';
import { assert } from '../../shared-memory/assert.ts';
import type { ListOperation, Transaction } from '../checkers/strict-serializability.ts';
import { type Appended, appendTo, type ListView } from './list-view.ts';
import { OBJECTS, type ObjectHost } from './object-host.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'] as const;
const OPERATIONS_MIN = 6;
const OPERATIONS_SPREAD = 10;
const THINK_MS = 4;
const BODY_MS = 6;
const CHANGE_CHANCE = 0.05;
/** More than an entry takes, in up to so many. */
const LARGE_LEAST = 1100;
const LARGE_SPREAD = 2000;

type Step =
  | 'read'
  | 'update'
  | 'large'
  | 'transact'
  | 'checkpoint'
  | 'forget'
  | 'compact'
  | 'open'
  | 'history';

const STEPS: readonly Step[] = [
  ...Array<Step>(3).fill('read'),
  ...Array<Step>(5).fill('update'),
  'large',
  ...Array<Step>(8).fill('transact'),
  'checkpoint',
  'forget',
  'compact',
  'open',
  'history',
];

/** How a transaction of the history goes on. */
interface Logged {
  operations: ListOperation[];
  readonly name: string;
  readonly call: number;
}

/** What a body has done. */
interface Body {
  readonly record: Commit;
  readonly reads: ListOperation[];
  readonly appends: ListOperation[];
  readonly held: boolean;
}

export interface SimulatedObjectClientsOptions {
  readonly hosts: readonly ObjectHost[];
  /** A change of the projection that a client carries out; undefined: none does. */
  readonly change: (() => (client: LogClient) => Procedure<unknown>) | undefined;
}

export class SimulatedObjectClients {
  readonly #log: SimulatedLog;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: SimulatedObjectClientsOptions;
  readonly #left: number[];
  readonly #ended: Transaction[] = [];
  /** By the moment of its call. */
  readonly #open = new Map<number, Logged>();
  readonly #underWay: number[];
  /** Counts every begin and end: a clock on which no two moments are equal. */
  #moment = 0;
  #values = 0;

  constructor(log: SimulatedLog, options: SimulatedObjectClientsOptions) {
    this.#log = log;
    this.#world = log.world;
    this.#random = log.world.random;
    this.#options = options;
    this.#left = log.clients.map(() => OPERATIONS_MIN + this.#random.below(OPERATIONS_SPREAD));
    this.#underWay = log.clients.map(() => 0);
  }

  begin(): void {
    for (const index of this.#left.keys()) {
      this.#later(index);
      // A second operation at the same time.
      if (this.#random.chance(0.5)) this.#later(index);
    }
  }

  /** Nothing of a living client is under way, or will be. */
  areQuiet(): boolean {
    return this.#left.every((left, i) => {
      const isDone = left === 0 && this.#underWay[i] === 0 && this.#log.clients[i].busy === 0;
      return isDone || !this.#isAlive(i);
    });
  }

  /** Nothing new is begun. */
  stop(): void {
    this.#left.fill(0);
  }

  checkAllEnded(): void {
    for (const i of this.#left.keys()) {
      if (!this.#isAlive(i)) continue;
      const text = `client=${i}, underWay=${this.#underWay[i]}, busy=${this.#log.clients[i].busy}`;
      assert(this.#underWay[i] === 0, `every call ends: ${text}`);
      assert(this.#log.clients[i].busy === 0, `every operation ends: ${text}`);
      assert(this.#options.hosts[i].holds.isEmpty, `nothing is held in the end: client=${i}`);
    }
  }

  /** Of a client that has died nobody knows. */
  history(): Transaction[] {
    const open = [...this.#open.values()].map((one): Transaction => {
      return { ...one, outcome: 'unknown', return: Number.POSITIVE_INFINITY };
    });
    return [...this.#ended, ...open];
  }

  /** Reads everything there is, and nothing of it is under way. */
  readAll(views: readonly ListView[]): void {
    const logged = this.#begin('the last read', []);
    logged.operations = views.flatMap((view) => readsOf(view, undefined));
    this.#end(logged, 'ok');
  }

  /** A change of a client; `then` is told how it ended. */
  update(client: number, then: (outcome: Outcome<unknown>) => void, isLarge = false): void {
    const random = this.#random;
    const object = random.pick(OBJECTS);
    const appended = this.#appended(1 + random.below(5));
    const padding = isLarge ? LARGE_LEAST + random.below(LARGE_SPREAD) : random.below(60);
    const record = appendTo(object, appended, padding);
    const logged = this.#begin(`update of ${client}`, appendsOf(object, appended));
    if (isLarge) this.#world.mark('large change');
    // A change may ask for its result.
    this.#change(client, { record, asks: random.chance(0.3) }, logged, then);
  }

  /** A transaction of a client. */
  transact(client: number, then: (outcome: Outcome<unknown>) => void): void {
    const host = this.#options.hosts[client];
    const logged = this.#begin(`transaction of ${client}`, []);
    const asksForWay = this.#random.chance(0.1);
    const run = (): Procedure<Body> => this.#body(host, asksForWay);
    this.#log.run(client, run, (outcome) => {
      if (outcome.kind === 'failed') {
        host.precedence.end();
        this.#checkError(outcome, false);
        this.#end(logged, 'fail');
        return then(outcome);
      }
      const { record, reads, appends, held } = outcome.value;
      logged.operations = [...reads, ...appends];
      this.#change(client, { record, asks: record.reads.length > 0 }, logged, (ended) => {
        const { snapshot } = record;
        const isAborted = ended.kind === 'done' && !isCommitted(ended.value);
        if (isAborted) this.#world.mark('commit aborted');
        if (isAborted && snapshot < host.client.memory.sequencer.trimMark()) {
          this.#world.mark('trim passed a stale snapshot');
        }
        if (held) host.holds.release(snapshot);
        host.precedence.end();
        then(ended);
      });
    });
  }

  #isAlive(client: number): boolean {
    return this.#world.isAlive(clientActor(client));
  }

  #later(client: number): void {
    this.#world.actAfter(clientActor(client), this.#random.exponential(THINK_MS), () => {
      this.#log.hosted(clientActor(client))?.within(() => this.#next(client));
    });
  }

  #next(client: number): void {
    if (this.#left[client] === 0) return;
    this.#left[client]--;
    this.#underWay[client]++;
    const random = this.#random;
    const { change, hosts } = this.#options;
    const host = hosts[client];
    const then = (): void => {
      this.#underWay[client]--;
      this.#later(client);
    };
    /** `mayPass`: what it looks for may be trimmed. */
    const run = (procedure: Procedure<unknown>, mayPass = false): void => {
      this.#log.run(
        client,
        () => procedure,
        (outcome) => {
          this.#checkError(outcome, mayPass);
          then();
        },
      );
    };
    if (change !== undefined && random.chance(CHANGE_CHANCE)) {
      return void this.#log.run(client, change(), then);
    }
    const { tail } = this.#log;
    switch (random.pick(STEPS)) {
      case 'read':
        return this.#read(client, then);
      case 'update':
        return this.update(client, then);
      case 'large':
        return this.update(client, then, true);
      case 'transact':
        return this.transact(client, then);
      case 'checkpoint':
        // Another thread may take the right over, and trim.
        return run(host.checkpointer.checkpoint());
      case 'forget':
        return run(host.checkpointer.forget(random.below(tail + 2)));
      case 'compact':
        return run(host.compaction.run(random.chance(0.1)), true);
      case 'open':
        return run(host.open(random.pick(OBJECTS)));
      case 'history':
        return run(host.at(random.below(tail + 1), random.chance(0.7)), true);
    }
  }

  #read(client: number, then: () => void): void {
    const host = this.#options.hosts[client];
    const logged = this.#begin(`read of ${client}`, []);
    const catchUp = (): Procedure<void> => host.catchUp();
    this.#log.run(client, catchUp, (outcome) => {
      this.#checkError(outcome, false);
      if (outcome.kind === 'done') {
        host.look();
        logged.operations = [...host.views.values()].flatMap((view) => readsOf(view, undefined));
      }
      this.#end(logged, outcome.kind === 'done' ? 'ok' : 'fail');
      then();
    });
  }

  /** See Transactions: a snapshot, then reads and changes; here others may go on meanwhile. */
  *#body(host: ObjectHost, asksForWay: boolean): Procedure<Body> {
    const random = this.#random;
    const { client, playback, precedence, holds } = host;
    if (asksForWay) precedence.ask();
    if (precedence.isOthers) yield* precedence.makeWay();
    const isStale = random.chance(0.3);
    if (!isStale) yield* host.catchUp();
    while (playback.position < client.memory.sequencer.trimMark()) yield* host.catchUp();
    const snapshot = playback.position;
    // What is held is advice: without it the log has to say the same.
    const held = random.chance(0.8);
    if (held) holds.hold(snapshot);
    const told: Read[] = [];
    const reads: ListOperation[] = [];
    for (const view of host.views.values()) {
      if (random.chance(0.3)) continue;
      const key = random.chance(0.3) ? undefined : random.pick(KEYS);
      told.push({ object: view.object, key: key === undefined ? undefined : encodeKey(key) });
      reads.push(...readsOf(view, key));
    }
    const updates: Update[] = [];
    const appends: ListOperation[] = [];
    const padding = random.chance(0.1) ? LARGE_LEAST + random.below(LARGE_SPREAD) : 0;
    for (const object of this.#some(OBJECTS, 1 + random.below(2))) {
      const appended = this.#appended(1 + random.below(3));
      updates.push(appendTo(object, appended, padding));
      appends.push(...appendsOf(object, appended));
    }
    if (random.chance(0.5)) yield* pause(random.exponential(BODY_MS));
    const record: Commit = { kind: RecordKind.COMMIT, snapshot, reads: told, updates };
    return { record, reads, appends, held };
  }

  #change(
    client: number,
    { record, asks }: { readonly record: ObjectRecord; readonly asks: boolean },
    logged: Logged,
    then: (outcome: Outcome<RecordOutcome | undefined>) => void,
  ): void {
    const host = this.#options.hosts[client];
    const ended = (outcome: Outcome<RecordOutcome | undefined>): void => {
      this.#checkError(outcome, true);
      const isDone = outcome.kind === 'done';
      const isUnknown = !isDone && outcome.position !== undefined;
      const isFull = !isDone && outcome.code === 'ERR_LOG_FULL';
      assert(!isFull || !isUnknown, 'a full log refuses for certain');
      if (host.isUnsure && !isUnknown) this.#world.mark('unknown outcome resolved by looking');
      if (isUnknown) this.#world.mark('unknown outcome');
      host.isUnsure = false;
      const isOk = isDone && isCommitted(outcome.value);
      this.#end(logged, isOk ? 'ok' : isUnknown ? 'unknown' : 'fail');
      then(outcome);
    };
    this.#log.act(client, () => {
      host.outbox.add(record, asks, {
        done: (value) => ended({ kind: 'done', value }),
        failed: (error) => {
          if (!(error instanceof TangoError)) throw error;
          const { code, position } = error;
          const failed = { kind: 'failed', code } as const;
          ended(position === undefined ? failed : { ...failed, position });
        },
      });
      host.outbox.send();
      if (host.compaction.isDue()) host.client.run(host.compaction.run(), IGNORED);
    });
  }

  /** A view never loses its way: a trim passes only what a checkpoint replaces. */
  #checkError(outcome: Outcome<unknown>, mayPass: boolean): void {
    if (outcome.kind === 'done') return;
    const { code, position } = outcome;
    this.#world.mark(`ended with ${code}`);
    assert(code !== 'ERR_CORRUPT', `nothing is corrupt: position=${position}`);
    assert(mayPass || code !== 'ERR_TRIMMED', `a view goes on from a checkpoint: at=${position}`);
  }

  #appended(count: number): Appended[] {
    return this.#some(KEYS, count).map((key) => [key, ++this.#values]);
  }

  #some<T>(all: readonly T[], count: number): T[] {
    const left = [...all];
    while (left.length > count) left.splice(this.#random.below(left.length), 1);
    return left;
  }

  #begin(name: string, operations: ListOperation[]): Logged {
    const call = ++this.#moment;
    const logged = { name: `${name} at ${call}`, operations, call };
    this.#open.set(call, logged);
    return logged;
  }

  #end(logged: Logged, outcome: Transaction['outcome']): void {
    this.#open.delete(logged.call);
    const isOver = outcome !== 'unknown';
    const returned = isOver ? ++this.#moment : Number.POSITIVE_INFINITY;
    this.#ended.push({ ...logged, outcome, return: returned });
  }
}

const IGNORED = { done: () => {}, failed: () => {} };

/** A change that nobody asked about has taken effect. */
function isCommitted(outcome: unknown): boolean {
  return (outcome as RecordOutcome | undefined)?.committed !== false;
}

function nameOf(object: ObjectId, key: string): string {
  return `${OBJECTS.indexOf(object)}${key}`;
}

/** Without a key of all of them. */
function readsOf(view: ListView, key: string | undefined): ListOperation[] {
  const keys = key === undefined ? KEYS : [key];
  return keys.map((one) => {
    const values = [...view.listOf(one)];
    return { type: 'read', key: nameOf(view.object, one), values };
  });
}

function appendsOf(object: ObjectId, appended: readonly Appended[]): ListOperation[] {
  return appended.map(([key, value]) => ({ type: 'append', key: nameOf(object, key), value }));
}
