/**
 * Watches the storage units and the sequencer of a simulated log from outside: sees each request
 * and its answer, changes nothing, and tells the world which of the rare events took place.
 */
import type { Actor, ActorContext } from '../../actors/actor.ts';
import { clientActor, isUnitActor, unitActor, unitIndex } from '../../actors/actor-ids.ts';
import { type ActorId, type Message, MessageType } from '../../actors/message.ts';
import { ProjectionMap } from '../../actors/projection.ts';
import type { World } from '../../actors/simulation/world.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import type { Position } from '../log-entry.ts';
import type { Place, SimulatedLog } from './simulated-log.ts';

/** The rare events that a run of many seeds has to meet. */
export const RARE_EVENTS = [
  'filler won',
  "filler lost and completed the writer's value",
  'reader repaired',
  'own value copied by another',
  'append needed a second token',
  'lost ack resolved by identity',
  'kill between head and tail write',
  'walk across junk',
  'scan-down used',
  'trim during playback',
  'unknown outcome',
] as const;

export class Observer {
  /** Positions granted for each stream, ascending. */
  readonly grants = new Map<number, Position[]>();
  readonly #world: World;
  /** Client and position at which its fill met a value. */
  readonly #lostFills = new Set<string>();
  #log: SimulatedLog | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  watch(log: SimulatedLog): void {
    this.#log = log;
  }

  readonly wrap = (id: ActorId, inner: Actor): Actor => new Watched(id, inner, this);

  /** `request` was answered with `reply`. */
  answered(id: ActorId, request: Message, reply: Message): void {
    if (!isUnitActor(id)) return this.#granted(request, reply);
    const unit = id - unitActor(0);
    const place = this.#log?.placeAt(unit, request.position);
    if (place === undefined) return;
    if (request.type === MessageType.UNIT_WRITE) this.#wrote(unit, place, request, reply.outcome);
    if (request.type !== MessageType.UNIT_FILL || place.index !== 0) return;
    if (reply.outcome === SlotOutcome.OK) this.#world.mark('filler won');
    if (reply.outcome !== SlotOutcome.WRITTEN) return;
    this.#lostFills.add(`${request.from} ${place.position}`);
  }

  /** A client has died: had it written the head of a position and not the tail? */
  clientDied(incarnation: number): void {
    const log = this.#log;
    if (log === undefined) return;
    const { active } = new ProjectionMap(log.projection);
    for (const { chain } of active.extents) {
      const { slots } = log.memory.unit(chain[0]);
      const tail = log.memory.unit(chain[chain.length - 1]).slots;
      for (let address = slots.watermark(); address < slots.writtenLimit(); address++) {
        if (tail.look(address) !== SlotOutcome.UNWRITTEN) continue;
        if (this.#writerAt(unitIndex(chain[0]), address) !== incarnation) continue;
        this.#world.mark('kill between head and tail write');
      }
    }
  }

  #granted(request: Message, reply: Message): void {
    if (request.type !== MessageType.SEQUENCER_NEXT || reply.outcome !== SlotOutcome.OK) return;
    for (let i = 0; i < request.extraCount; i++) {
      const stream = request.extra[i];
      const positions = this.grants.get(stream) ?? [];
      positions.push(reply.position);
      this.grants.set(stream, positions);
    }
  }

  #wrote(unit: number, { index, position }: Place, request: Message, outcome: number): void {
    const world = this.#world;
    const { position: address, from } = request;
    const writer = this.#writerAt(unit, address);
    const own = writer !== undefined && this.#actorOf(writer) === from;
    if (index === 0) {
      if (outcome === SlotOutcome.JUNK) world.mark('append needed a second token');
      if (outcome === SlotOutcome.WRITTEN && own) world.mark('lost ack resolved by identity');
      return;
    }
    if (outcome === SlotOutcome.WRITTEN && own) world.mark('own value copied by another');
    if (outcome !== SlotOutcome.OK || own || writer === undefined) return;
    const lostFill = this.#lostFills.has(`${from} ${position}`);
    world.mark(lostFill ? "filler lost and completed the writer's value" : 'reader repaired');
  }

  #actorOf(incarnation: number): ActorId {
    const client = this.#log?.clientOf(incarnation) ?? -1;
    return client < 0 ? -1 : clientActor(client);
  }

  /** Who wrote the value at `address`; undefined when there is none. */
  #writerAt(unit: number, address: number): number | undefined {
    const log = this.#log;
    if (log === undefined) return undefined;
    const { reader, slots } = log.memory.unit(unit);
    if (slots.look(address) !== SlotOutcome.WRITTEN) return undefined;
    const place = log.placeAt(unit, address);
    if (place === undefined) return undefined;
    reader.locate(address, place.position);
    return reader.writerThread;
  }
}

/** Delegates everything, and tells the observer of each answer given within a receive. */
class Watched implements Actor, ActorContext {
  readonly role: string;
  readonly #id: ActorId;
  readonly #inner: Actor;
  readonly #observer: Observer;
  #context: ActorContext | undefined;
  #request: Message | undefined;

  constructor(id: ActorId, inner: Actor, observer: Observer) {
    this.role = inner.role;
    this.#id = id;
    this.#inner = inner;
    this.#observer = observer;
  }

  get self(): ActorId {
    return this.#id;
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
    this.#context?.send(message);
    if (this.#request?.operation === message.operation) {
      this.#observer.answered(this.#id, this.#request, message);
    }
  }

  after(delayMs: number, timer: number): void {
    this.#context?.after(delayMs, timer);
  }
}
