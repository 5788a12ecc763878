/** What a log client is made of. */
import type { LogMemory } from '../actors/log-memory.ts';
import type { ActorId } from '../actors/message.ts';
import type { Flight } from '../shared-memory/flight.ts';
import type { LogClient } from './log-client.ts';
import type { Procedure } from './procedure.ts';

export interface ClientTimes {
  /** Age at which an unwritten position below the tail is filled, milliseconds. */
  readonly holeFillMs: number;
  /** A request without a reply is repeated after this long, milliseconds. */
  readonly requestMs: number;
  /** An operation gives up after this long, milliseconds. */
  readonly operationMs: number;
  /** A client that waits for a new epoch for this long begins one itself, milliseconds. */
  readonly takeoverMs: number;
  /** A thread whose event loop stands for this long loses what its sessions hold, milliseconds. */
  readonly sessionTimeoutMs: number;
}

export const DEFAULT_TIMES: ClientTimes = {
  holeFillMs: 100,
  requestMs: 500,
  operationMs: 10_000,
  takeoverMs: 100,
  sessionTimeoutMs: 10_000,
};

/** How a client reaches storage units and sequencer (DESIGN 6). */
export type LinkKind = 'mailbox' | 'direct';

/** Who serves what, and who still lives; threads are incarnations. */
export interface Membership {
  /** The thread that serves `actor`; 0: none. */
  receiverOf(actor: ActorId): number;
  /** False once the thread has exited. */
  lives(incarnation: number): boolean;
}

export interface LogClientOptions {
  readonly memory: LogMemory;
  /** Incarnation of the thread: tenant of chunks, writer of entries. */
  readonly incarnation: number;
  readonly times: ClientTimes;
  /** Of the client's thread. */
  readonly flight: Flight;
  readonly link: LinkKind;
  readonly membership: Membership;
  /** Brings the log back when nobody else does; without it the client only waits. */
  readonly repair?: (client: LogClient) => Procedure<void>;
  /**
   * Steps on shared memory are resumed as events of their own, so that others can act, and the
   * client can die, in between: the simulator's choice.
   */
  readonly paced?: boolean;
}
