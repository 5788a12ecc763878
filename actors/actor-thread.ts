/**
 * What every actor thread does, whatever it hosts: build the host, add the actors, announce ready,
 * turn until told to stop. The entry (a `*-worker.ts`) says which actors.
 */
import type { MessagePort } from 'node:worker_threads';
import { Flight } from '../shared-memory/flight.ts';
import { type Duty, Idle } from '../shared-memory/idle.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import type { Actor } from './actor.ts';
import { ActorHost } from './actor-host.ts';
import { exposeControl } from './control.ts';
import { type LogBuffers, LogMemory } from './log-memory.ts';
import type { ActorId } from './message.ts';
import { directoryOf } from './placement.ts';
import { type Counts, ThreadCounters, TURNS_PER_PUBLISH } from './thread-counters.ts';

/** The startup message: everything a thread needs, structured-cloneable but for the port. */
export interface ActorThreadData {
  readonly buffers: LogBuffers;
  readonly thread: ThreadIndex;
  /** Transferred; the control plane. */
  readonly control: MessagePort;
}

export interface ActorThreadStats {
  /** Messages received. */
  readonly received: number;
  /** Milliseconds the thread's event loop was not waiting. */
  readonly busyMs: number;
}

/** What the owner may ask an actor thread. */
export interface ActorThreadControl {
  /** Answered once every actor is started, the thread takes messages, and its death would be noticed. */
  ready(): Promise<void>;
  stats(): ActorThreadStats;
  /** A fault for experiments: the thread does nothing else for `ms` milliseconds. */
  stall(ms: number): void;
  /** Ends the loop; the thread exits by itself once its port is closed. */
  stop(): void;
}

/** An actor with its id, and what wants to know when threads come or go. */
export interface HostedActorSpec {
  readonly id: ActorId;
  readonly actor: Actor & {
    onMembership?(): void;
    /** What the actor has counted so far. */
    counts?(): Counts;
  };
}

/** What a thread hosts from the start, and what it makes of an actor that has come to live here. */
export interface HostedActors {
  readonly specs: readonly HostedActorSpec[];
  readonly adopt: (id: ActorId) => Actor | undefined;
  /** Settles once whoever watches over the threads knows of this one. */
  readonly watched?: Promise<void>;
}

/** Runs the actors of this thread until the owner says stop. Returns at once. */
export function runActorThread(
  data: ActorThreadData,
  actorsOn: (memory: LogMemory, flight: Flight) => HostedActors,
): void {
  const memory = new LogMemory(data.buffers);
  const flight = new Flight(memory.threads, data.thread);
  const { specs, adopt, watched } = actorsOn(memory, flight);
  const host = new ActorHost({
    thread: data.thread,
    threads: memory.threads,
    grid: memory.grid(),
    directory: directoryOf(memory.homes),
    flight,
    adopt,
    onMembership: () => {
      for (const { actor } of specs) actor.onMembership?.();
    },
  });
  flight.enter();
  for (const { id, actor } of specs) host.add(id, actor);
  flight.leave();
  let stopped = false;
  let sleeps = 0;
  let turns = 0;
  const counters = new ThreadCounters(memory.counters.countersOf(data.thread), [
    () => ({ received: host.received, sleeps }),
    ...specs.map(
      ({ actor }) =>
        () =>
          actor.counts?.() ?? {},
    ),
  ]);
  const duty: Duty = {
    turn: () => {
      if (++turns % TURNS_PER_PUBLISH === 0) {
        counters.publish();
        memory.threads.beat(data.thread);
      }
      return host.turn();
    },
    wanted: () => !stopped,
    untilTimer: () => host.untilTimer(),
    yieldsAfterWork: false,
    resting: (asleep) => {
      memory.threads.beat(data.thread);
      if (!asleep) return;
      sleeps++;
      counters.publish();
    },
  };
  const control: ActorThreadControl = {
    ready: async () => watched,
    stats: () => {
      counters.publish();
      return { received: host.received, busyMs: performance.eventLoopUtilization().active };
    },
    stall: (ms) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    },
    stop: () => {
      stopped = true;
      memory.threads.ring(data.thread);
      setImmediate(() => data.control.close());
    },
  };
  exposeControl(control, data.control);
  new Idle(memory.threads, data.thread).run(duty);
}
