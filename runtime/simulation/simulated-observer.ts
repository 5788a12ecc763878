/**
 * Watches a simulated log from outside: each request and its answer, each change of the projection.
 * Changes nothing, and tells the world which of the rare events took place.
 */
import type { Actor, ActorContext } from '../../actors/actor.ts';
import { homeIndexOf, isUnitActor, unitActor, unitIndexOf } from '../../actors/actor-ids.ts';
import { type ActorId, type Message, MessageType } from '../../actors/message.ts';
import { rebuildOf } from '../../actors/next-projection.ts';
import { NO_SEQUENCER, type Projection, ProjectionMap } from '../../actors/projection.ts';
import type { World } from '../../actors/simulation/world.ts';
import { assert } from '../../shared-memory/assert.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { SimulatedLog } from './simulated-log.ts';
import { type MemoryNotes, replace } from './simulated-memory.ts';

/** The rare events that a run of many seeds has to meet. */
export const RARE_EVENTS = [
  'filler won',
  "filler lost and completed the writer's value",
  'reader repaired',
  'own value copied by another',
  'read hit a hole',
  'request served twice',
  'two tokens for one request',
  'reply given twice',
  'append needed a second token',
  'lost ack resolved by identity',
  'kill between head and tail write',
  'walk across junk',
  'scan-down used',
  'trim during playback',
  'unknown outcome',
  'unknown outcome: it is in the log',
  'unknown outcome: it is not in the log',
  'append found the log full',
  'append after a full log',
  'trim made room in the end',
  'seal between epoch check and write',
  'token from an old epoch dropped',
  'settle kept its own value',
  'two reconfigurers, one lost',
  'the loser had wiped a spare',
  'takeover after a dead sealer',
  'sequencer rebuilt',
  'sequencer rebuilt over several chains',
  'checkpoint used by a scan',
  'lock owner died',
  'unit replaced',
  'unit rebuilt and joined',
  'trim during rebuild',
  'unit revived in place',
  'growth',
  'without sequencer',
  'lost positions reported',
  'housekeeper killed',
  'stalled thread suspected',
  'memory lost',
  'memory came back stale',
  'sequencer memory lost',
] as const;

export class Observer implements MemoryNotes {
  /** Positions granted for each stream, ascending. */
  readonly grants = new Map<number, Position[]>();
  /** Base and last part of the latest whole checkpoint of the stream state. */
  checkpoint: { readonly base: Position; readonly last: Position } | undefined;
  /** Called when the sequencer's next build was made necessary. */
  onRequired: () => void = () => {};
  /** Called after each new projection. */
  onProjection: (before: Projection, after: Projection) => void = () => {};
  readonly #world: World;
  /** Unit and address at which a client's fill met a value, and who it was. */
  readonly #lostFills = new Set<string>();
  /** Epochs in which a write of each client was refused. */
  readonly #sealedOut = new Map<number, Set<number>>();
  /** Who sealed something of an epoch. */
  readonly #sealers = new Map<number, Set<ActorId>>();
  readonly #wiped = new Set<ActorId>();
  #lastGrant: Position = -1;
  #log: SimulatedLog | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  watch(log: SimulatedLog): void {
    this.#log = log;
  }

  /** For SimulatedLogOptions.wrap: sees what actors are asked. */
  readonly wrap = (_id: ActorId, inner: Actor): Actor => new Watched(inner, this);

  /** For SimulatedLogOptions.onClient: sees what a client answers by itself. */
  readonly onClient = (client: LogClient): void => {
    const { oneSided, incarnation } = client;
    replace(oneSided, 'serve', (serve) => (request, reply) => {
      serve(request, reply);
      this.answered(request as Message, reply as Message, incarnation);
    });
    const answered = new Set<number>();
    replace(client, 'receive', (receive) => (message) => {
      const { operation } = message as Message;
      if (answered.has(operation)) this.#world.mark('reply given twice');
      answered.add(operation);
      this.#received(message as Message);
      receive(message);
    });
  };

  /** `request` of the thread `requester` was answered with `reply`. */
  answered(request: Message, reply: Message, requester: number): void {
    const { type } = request;
    const { outcome } = reply;
    if (type === MessageType.SEQUENCER_NEXT) return this.#granted(request, reply);
    if (type === MessageType.UNIT_WRITE && outcome === SlotOutcome.SEALED) {
      const epochs = this.#sealedOut.get(requester) ?? new Set();
      this.#sealedOut.set(requester, epochs.add(request.epoch));
    }
    if (type !== MessageType.UNIT_WRITE && type !== MessageType.UNIT_FILL) return;
    if (outcome === SlotOutcome.OK && this.#isSealed(request)) {
      this.#world.mark('seal between epoch check and write');
    }
    const place = this.#placeOf(request);
    if (place === undefined) return;
    if (type === MessageType.UNIT_WRITE) return this.#wrote(place, outcome, requester);
    if (place.index !== 0) return;
    if (outcome === SlotOutcome.OK) this.#world.mark('filler won');
    if (outcome === SlotOutcome.WRITTEN) this.#lostFills.add(`${requester} ${place.position}`);
  }

  /** What was answered before is answered again: it came twice. */
  answeredAgain({ type, outcome }: Message): void {
    this.#world.mark('request served twice');
    const isToken = type === MessageType.SEQUENCER_GRANTED && outcome === SlotOutcome.OK;
    if (isToken) this.#world.mark('two tokens for one request');
  }

  /** An append has ended well; its entry says under which epoch it was written. */
  acknowledged(client: LogClient, position: Position): void {
    const map = this.#log?.map();
    if (map === undefined) return;
    const [head] = map.chainOf(position);
    if (head === undefined) return;
    const { reader } = client.memory.unit(head);
    if (reader.locate(map.addressOf(position), position) !== SlotOutcome.WRITTEN) return;
    const epoch = reader.tokenEpoch;
    const isSettled = this.#sealedOut.get(client.incarnation)?.has(epoch);
    if (isSettled && epoch < map.epoch) this.#world.mark('settle kept its own value');
  }

  /** A client is handed a reply. */
  #received(message: Message): void {
    if (message.type !== MessageType.SEQUENCER_GRANTED) return;
    if (message.outcome !== SlotOutcome.OK) return;
    const newest = this.#log?.map().epoch ?? 0;
    if (message.epoch < newest) this.#world.mark('token from an old epoch dropped');
  }

  /** A client has died: had it written the head of a position and not the tail? */
  clientDied(incarnation: number): void {
    const log = this.#log;
    if (log === undefined) return;
    const map = log.map();
    for (let position = map.active.from; position < log.tail; position++) {
      const chain = map.chainOf(position);
      if (chain.length < 2 || this.#writerAt(chain[0], position) !== incarnation) continue;
      const { slots } = log.memory.unit(chain[chain.length - 1]);
      if (slots.look(map.addressOf(position)) !== SlotOutcome.UNWRITTEN) continue;
      this.#world.mark('kill between head and tail write');
    }
  }

  sealed(actor: ActorId, epoch: number): void {
    const sealers = this.#sealers.get(epoch) ?? new Set();
    this.#sealers.set(epoch, sealers.add(actor));
  }

  proposed(actor: ActorId, projection: Projection, outcome: string): void {
    const hadWiped = this.#wiped.delete(actor);
    const world = this.#world;
    if (outcome !== 'written') {
      world.mark('two reconfigurers, one lost');
      if (hadWiped) world.mark('the loser had wiped a spare');
      return;
    }
    const sealers = this.#sealers.get(projection.epoch - 1) ?? new Set();
    if ([...sealers].some((one) => one !== actor && !world.isAlive(one))) {
      world.mark('takeover after a dead sealer');
    }
    const before = this.#log?.memory.layoutStore.read(projection.epoch - 1);
    assert(before !== undefined, 'a projection follows one');
    this.#compare(before, projection);
    this.onProjection(before, projection);
  }

  wiped(actor: ActorId): void {
    this.#wiped.add(actor);
  }

  moved(_actor: ActorId, index: number): void {
    const map = this.#log?.map();
    const isNamed = map?.units().some((unit) => homeIndexOf(unitActor(unit)) === index);
    if (isNamed) this.#world.mark('unit revived in place');
  }

  required(): void {
    this.onRequired();
  }

  built(epoch: number): void {
    if (epoch <= 1) return;
    this.#world.mark('sequencer rebuilt');
    const chains = this.#log?.map().active.extents.length ?? 0;
    if (chains > 1) this.#world.mark('sequencer rebuilt over several chains');
    const { checkpoint } = this;
    const trimmed = this.#log?.memory.sequencer.trimMark() ?? 0;
    if (checkpoint === undefined || checkpoint.last < trimmed) return;
    if (checkpoint.base > trimmed) this.#world.mark('checkpoint used by a scan');
  }

  lockBroken(): void {
    this.#world.mark('lock owner died');
  }

  #compare(before: Projection, after: Projection): void {
    const world = this.#world;
    const [from, to] = [new ProjectionMap(before), new ProjectionMap(after)];
    if (to.units().some((unit) => !from.has(unit))) world.mark('unit replaced');
    if (to.active.extents.length > from.active.extents.length) world.mark('growth');
    if (to.sequencer === NO_SEQUENCER) world.mark('without sequencer');
    const owed = rebuildOf(before);
    if (owed === undefined) return;
    const { from: position } = before.ranges[owed.range];
    const chain = to.chainOf(position + owed.extent);
    if (chain.includes(owed.unit)) world.mark('unit rebuilt and joined');
  }

  #granted(request: Message, reply: Message): void {
    if (reply.outcome !== SlotOutcome.OK) return;
    const { position } = reply;
    // I5: nothing is granted twice, and nothing below what was granted before.
    assert(position > this.#lastGrant, `tokens ascend: ${position} after ${this.#lastGrant}`);
    this.#lastGrant = position;
    for (let i = 0; i < request.extraCount; i++) {
      const stream = request.extra[i];
      const positions = this.grants.get(stream) ?? [];
      positions.push(position);
      this.grants.set(stream, positions);
    }
  }

  /** The sequencer's memory was lost: what it has granted and nobody has written is granted again. */
  forgetGrants(tail: Position): void {
    this.#lastGrant = Math.min(this.#lastGrant, tail - 1);
  }

  #wrote(place: Place, outcome: number, requester: number): void {
    const world = this.#world;
    const own = this.#writerAt(place.unit, place.position) === requester;
    if (place.index === 0) {
      if (outcome === SlotOutcome.JUNK) world.mark('append needed a second token');
      if (outcome === SlotOutcome.WRITTEN && own) world.mark('lost ack resolved by identity');
      return;
    }
    if (outcome === SlotOutcome.WRITTEN && own) world.mark('own value copied by another');
    if (outcome !== SlotOutcome.OK || own) return;
    const lostFill = this.#lostFills.has(`${requester} ${place.position}`);
    world.mark(lostFill ? "filler lost and completed the writer's value" : 'reader repaired');
  }

  /** Which position a unit's address is of, as the latest projection has it. */
  #placeOf({ to, position: address }: Message): Place | undefined {
    const log = this.#log;
    if (log === undefined || !isUnitActor(to)) return undefined;
    const map = log.map();
    const memory = unitIndexOf(to) % log.memory.unitCount;
    const unit = log.memory.unitAt(memory);
    const { from, extents } = map.active;
    for (const [i, { chain, start }] of extents.entries()) {
      const index = chain.indexOf(unit);
      if (index < 0 || address < start) continue;
      return { unit, index, position: from + (address - start) * extents.length + i };
    }
    return undefined;
  }

  /** Its unit refuses such requests now: this one was let through before. */
  #isSealed({ to, epoch }: Message): boolean {
    const memory = this.#log?.memory;
    if (memory === undefined) return false;
    return memory.unit(unitIndexOf(to) % memory.unitCount).slots.sealedEpoch() >= epoch;
  }

  /** Who wrote the value at `position` in `unit`; undefined when there is none. */
  #writerAt(unit: number, position: Position): number | undefined {
    const log = this.#log;
    if (log === undefined) return undefined;
    const { reader } = log.memory.unit(unit);
    const address = log.map().addressOf(position);
    return reader.locate(address, position) === SlotOutcome.WRITTEN
      ? reader.writerThread
      : undefined;
  }
}

interface Place {
  readonly unit: number;
  /** In its chain, from the head. */
  readonly index: number;
  readonly position: Position;
}

/** More than there are numbers of operations. */
const OPERATIONS = 2 ** 32;

/** Delegates everything, and tells the observer of each answer given within a receive. */
class Watched implements Actor, ActorContext {
  readonly role: string;
  readonly #inner: Actor;
  readonly #observer: Observer;
  #context: ActorContext | undefined;
  #request: Message | undefined;
  /** Requests that were answered, by requester and number. */
  readonly #answered = new Set<number>();

  constructor(inner: Actor, observer: Observer) {
    this.role = inner.role;
    this.#inner = inner;
    this.#observer = observer;
  }

  get self(): ActorId {
    return this.#context?.self ?? 0;
  }

  start(context: ActorContext): void {
    this.#context = context;
    this.#inner.start?.(this);
  }

  receive(message: Message, context: ActorContext): void {
    this.#context = context;
    this.#request = message;
    try {
      this.#inner.receive(message, this);
    } finally {
      this.#request = undefined;
    }
  }

  onTimer(timer: number, context: ActorContext): void {
    this.#context = context;
    this.#inner.onTimer?.(timer, this);
  }

  now(): number {
    return this.#context?.now() ?? 0;
  }

  random(): number {
    return this.#context?.random() ?? 0;
  }

  send(message: Message): void {
    // BEFORE it is sent: what was granted counts, even if its thread dies here.
    const request = this.#request;
    if (request?.operation === message.operation) {
      this.#observer.answered(request, message, request.tenant);
      const key = request.tenant * OPERATIONS + request.operation;
      if (this.#answered.has(key)) this.#observer.answeredAgain(message);
      this.#answered.add(key);
    }
    this.#context?.send(message);
  }

  after(delayMs: number, timer: number): void {
    this.#context?.after(delayMs, timer);
  }
}
