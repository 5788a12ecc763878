/**
 * Runs the actors of one thread: a turn drains the mailboxes, hands each message to its actor,
 * fires due timers, then publishes everything that was sent and rings each receiver once.
 *
 * The host neither spins nor sleeps (shared-memory/idle.ts does) and allocates nothing per message.
 */
import { assert } from '../shared-memory/assert.ts';
import type { Flight } from '../shared-memory/flight.ts';
import { type MailboxReceiver, type MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import type { MailboxGrid } from '../shared-memory/mailbox-grid.ts';
import type { ThreadIndex, ThreadTable } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import type { Actor, ActorContext } from './actor.ts';
import { SPILL_MESSAGES_MAX } from './config.ts';
import { LocalMailbox } from './local-mailbox.ts';
import { type ActorId, Message } from './message.ts';
import { decodeMessage, encodeMessage, messageWords } from './message-codec.ts';
import { Timers } from './timers.ts';

/** Messages taken from one mailbox before the others get their turn. */
const BATCH_MESSAGES_MAX = 256;
/** Messages after which what was sent is shown without waiting for the end of the turn. */
const PUBLISH_EVERY = 16;
/** Turns between two looks at the clock for timers; a turn takes well under a microsecond. */
const TURNS_PER_CLOCK = 16;
const ACTOR_IDS = 0x1_0000;

/** The thread an actor lives on, or NO_THREAD. */
export type Directory = (actor: ActorId) => ThreadIndex;

interface Peer {
  readonly thread: ThreadIndex;
  readonly incarnation: number;
  readonly sender: MailboxSender;
  readonly receiver: MailboxReceiver;
  /** Messages that found the mailbox full, oldest first. */
  readonly spill: Int32Array[];
}

export interface ActorHostOptions {
  readonly thread: ThreadIndex;
  readonly threads: ThreadTable;
  readonly grid: MailboxGrid;
  readonly directory: Directory;
  /** Of this thread: a turn is one flight. */
  readonly flight: Flight;
  /** Makes the actor of a message that has come to live here; undefined: it lives elsewhere. */
  readonly adopt?: (id: ActorId) => Actor | undefined;
  /** Called in a turn after threads have come or gone. */
  readonly onMembership?: () => void;
}

export class ActorHost {
  readonly #options: ActorHostOptions;
  readonly #threads: ThreadTable;
  readonly #flight: Flight;
  readonly #actors: HostedActor[] = [];
  readonly #actorIndex = new Int16Array(ACTOR_IDS).fill(-1);
  readonly #message = new Message();
  readonly #timers = new Timers();
  readonly #local = new LocalMailbox();
  #peers: Peer[] = [];
  #peerOf: (Peer | undefined)[] = [];
  #membership = -1;
  #membershipNews = false;
  #spilled = 0;
  /** This turn is in flight. */
  #flying = false;
  #received = 0;
  #turns = 0;

  constructor(options: ActorHostOptions) {
    this.#options = options;
    this.#threads = options.threads;
    this.#flight = options.flight;
    this.#refreshPeers();
  }

  /** Messages received so far. */
  get received(): number {
    return this.#received;
  }

  /** Adds an actor, starts it, and returns its context. */
  add(id: ActorId, actor: Actor): HostedActor {
    assert(this.#actorIndex[id] < 0, 'an actor id is hosted once');
    const hosted = new HostedActor(this, id, actor);
    this.#actorIndex[id] = this.#actors.length;
    this.#actors.push(hosted);
    actor.start?.(hosted);
    return hosted;
  }

  /**
   * One turn; true when there was something to do. The thread is in flight from the first message or
   * timer on: actors may act on what they load in the turn. A turn within a turn is a flight of its
   * own: code that runs out of flight may turn, and ends no flight but that.
   */
  turn(): boolean {
    const outer = this.#flying;
    this.#flying = false;
    try {
      return this.#turn();
    } finally {
      if (this.#flying) this.#flight.leave();
      this.#flying = outer;
    }
  }

  /** Looking for work is no flight: a thread that spins tells nobody. */
  #fly(): void {
    if (this.#flying) return;
    this.#flying = true;
    this.#flight.enter();
  }

  #turn(): boolean {
    if (this.#threads.membershipVersion() !== this.#membership) this.#refreshPeers();
    if (this.#membershipNews) this.#tellMembership();
    let worked = false;
    const peers = this.#peers;
    for (let i = 0; i < peers.length; i++) {
      if (this.#drain(peers[i])) worked = true;
    }
    if (this.#drainLocal()) worked = true;
    if (++this.#turns % TURNS_PER_CLOCK === 0 && this.#fireTimers()) worked = true;
    if (this.#spilled > 0 && this.#retrySpilled()) worked = true;
    this.flush();
    return worked;
  }

  /** Shows what was sent since the last flush and wakes its receivers. */
  flush(): void {
    const peers = this.#peers;
    for (let i = 0; i < peers.length; i++) {
      if (!peers[i].sender.unpublished) continue;
      peers[i].sender.publish();
      this.#threads.ring(peers[i].thread);
    }
  }

  /** Milliseconds until the next timer; Infinity without one. */
  untilTimer(): number {
    if (this.#spilled > 0) return 1;
    return this.#timers.nextMs - performance.now();
  }

  /** Sends a message as `from`; see ActorContext.send. */
  send(from: ActorId, message: Message): void {
    message.from = from;
    const thread = this.#options.directory(message.to);
    if (thread === this.#options.thread) return this.#local.push(message);
    const peer = this.#peerOf[thread] ?? this.#newPeer(thread);
    // Nobody lives there (any more): the message is lost like any message to the dead.
    if (peer === undefined) return;
    const at = peer.spill.length > 0 ? NO_RECORD : peer.sender.claim(messageWords(message));
    if (at === NO_RECORD) this.#spill(peer, message);
    else encodeMessage(message, peer.sender.words, at);
  }

  after(actor: ActorId, delayMs: number, timer: number): void {
    this.#timers.add(performance.now() + delayMs, actor, timer);
  }

  #drain(peer: Peer): boolean {
    const { receiver } = peer;
    let taken = 0;
    for (; taken < BATCH_MESSAGES_MAX; taken++) {
      const at = receiver.next();
      if (at === NO_RECORD) break;
      decodeMessage(this.#message, receiver.words, at);
      this.#dispatch(this.#message);
      if (taken % PUBLISH_EVERY === PUBLISH_EVERY - 1) this.flush();
    }
    if (taken === 0) return false;
    receiver.release();
    this.#received += taken;
    return true;
  }

  #drainLocal(): boolean {
    let taken = 0;
    for (; taken < BATCH_MESSAGES_MAX && this.#local.take(this.#message); taken++) {
      this.#dispatch(this.#message);
    }
    this.#received += taken;
    return taken > 0;
  }

  #dispatch(message: Message): void {
    this.#fly();
    const index = this.#actorIndex[message.to];
    const hosted = index < 0 ? this.#adopted(message.to) : this.#actors[index];
    // An actor of an earlier tenant of this thread's index: its messages go nowhere.
    hosted?.actor.receive(message, hosted);
  }

  #adopted(id: ActorId): HostedActor | undefined {
    const actor = this.#options.adopt?.(id);
    return actor === undefined ? undefined : this.add(id, actor);
  }

  #fireTimers(): boolean {
    if (this.#timers.nextMs === Number.POSITIVE_INFINITY) return false;
    const now = performance.now();
    let fired = false;
    for (;;) {
      const due = this.#timers.take(now);
      if (due === undefined) return fired;
      fired = true;
      this.#fly();
      const hosted = this.#actors[this.#actorIndex[due.actor]];
      hosted.actor.onTimer?.(due.timer, hosted);
    }
  }

  #spill(peer: Peer, message: Message): void {
    assert(this.#spilled < SPILL_MESSAGES_MAX, 'receivers keep up with what they asked for');
    const words = new Int32Array(messageWords(message));
    encodeMessage(message, words, 0);
    peer.spill.push(words);
    this.#spilled++;
  }

  #retrySpilled(): boolean {
    let sent = 0;
    for (const peer of this.#peers) {
      let done = 0;
      for (; done < peer.spill.length; done++) {
        const words = peer.spill[done];
        const at = peer.sender.claim(words.length);
        if (at === NO_RECORD) break;
        peer.sender.words.set(words, at);
      }
      peer.spill.splice(0, done);
      sent += done;
    }
    this.#spilled -= sent;
    return sent > 0;
  }

  /** Keeps the ends to threads that stayed, builds ends to new ones, drops those of the dead. */
  #refreshPeers(): void {
    this.#membership = this.#threads.membershipVersion();
    const before = this.#peerOf;
    this.#peerOf = [];
    this.#peers = [];
    this.#spilled = 0;
    for (let other = 0; other < this.#threads.count; other++) {
      const peer = this.#peerAt(other, before[other]);
      if (peer === undefined) continue;
      this.#peerOf[other] = peer;
      this.#peers.push(peer);
      this.#spilled += peer.spill.length;
    }
    this.#membershipNews = true;
  }

  /** A thread that has come since the last turn is found at once. */
  #newPeer(thread: ThreadIndex): Peer | undefined {
    if (this.#threads.membershipVersion() === this.#membership) return undefined;
    const peer = this.#peerAt(thread, undefined);
    if (peer === undefined) return undefined;
    // Only added here: a drain may be going through the peers. The next turn looks at all of them.
    this.#peerOf[thread] = peer;
    this.#peers = [...this.#peers, peer];
    return peer;
  }

  /** The ends to a live thread: those there were, or new ones. */
  #peerAt(other: ThreadIndex, before: Peer | undefined): Peer | undefined {
    const { thread, grid } = this.#options;
    if (other < 0 || !grid.connects(thread, other)) return undefined;
    if (this.#threads.state(other) !== ThreadState.ALIVE) return undefined;
    const incarnation = this.#threads.incarnation(other);
    if (before?.incarnation === incarnation) return before;
    if (before !== undefined) return { ...before, incarnation, spill: [] };
    const sender = grid.sender(thread, other);
    const receiver = grid.receiver(other, thread);
    return { thread: other, incarnation, sender, receiver, spill: [] };
  }

  /** Told in a turn, never from within a send: who is told may send in turn. */
  #tellMembership(): void {
    this.#membershipNews = false;
    this.#fly();
    this.#options.onMembership?.();
  }
}

export class HostedActor implements ActorContext {
  readonly self: ActorId;
  readonly actor: Actor;
  readonly #host: ActorHost;

  constructor(host: ActorHost, id: ActorId, actor: Actor) {
    this.#host = host;
    this.self = id;
    this.actor = actor;
  }

  now(): number {
    return performance.now();
  }

  random(): number {
    return Math.random();
  }

  send(message: Message): void {
    this.#host.send(this.self, message);
  }

  after(delayMs: number, timer: number): void {
    this.#host.after(this.self, delayMs, timer);
  }
}
