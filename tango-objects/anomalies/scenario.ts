/** What a scenario is made of: transactions of clients of their own, and what may become of them. */
import type { Views } from '../../runtime/views/views.ts';
import type { Execution } from './execution.ts';

/** Ends a body by its own will: nothing of it may ever be seen. */
export class BodyAborts extends Error {}

/** How a body reads and changes: keys are letters, values are numbers. */
export interface Session {
  get(key: string): number | undefined;
  set(key: string, value: number): void;
  /** How many keys there are, by the size of each object. */
  size(): number;
  /** Reads a key that nobody sets: it makes the read set large. */
  touch(key: string): void;
  /** All keys with a value, by reading each object as a whole. */
  scan(by?: ScanCall): ReadonlyMap<string, number>;
}

/** The call of a map that looks at the whole of it. */
export type ScanCall = 'entries' | 'keys' | 'values' | 'forEach';

export interface TransactionSpec {
  readonly name: string;
  /** Keys that it touches: where hosts are partial its client has only their objects. All if left out. */
  readonly keys?: string;
  readonly isReadOnly?: boolean;
  /** Further attempts after a conflict; 0 if left out. */
  readonly retries?: number;
  /** If left out, its client may be killed. */
  readonly isMortal?: false;
  /**
   * May be a generator function: a yield is where others may go on, in the middle of the body. Runs
   * again from the start.
   */
  body(session: Session): unknown;
  /** In place of the body: something else that a client does. */
  act?(views: Views): Promise<unknown>;
}

export interface Scenario {
  readonly name: string;
  /** x = 10 and y = 20 are there; these may be set, and are absent at first. */
  readonly keys?: string;
  readonly transactions: readonly TransactionSpec[];
  /** Throws when the execution is not as it must be; returns a word for how it ended. */
  expect(execution: Execution): string;
  /** The words that there must be, and no other; with a fault those without one if left out. */
  readonly ends: { readonly none: readonly string[] } & {
    readonly [fault in Fault]?: readonly string[];
  };
  /** The log is trimmed: a commit may be refused for that. */
  readonly trims?: boolean;
  /** Without fault also request by request; for two clients. */
  readonly isFine?: boolean;
  /** Instead of all layouts and faults, as finely as the number of clients allows. */
  readonly modes?: readonly Mode[];
}

/** x in an object, all other keys in another one, or in the same. */
export type Layout = 'one object' | 'two objects' | 'partial hosts';

/** What happens once in an execution, between any two steps. */
export type Fault = 'none' | 'kill' | 'failover';

/**
 * What is a step.
 *
 *   fine     begin, each part of a body, each request to the log
 *   parts    begin, each part of a body, token, write
 *   coarse   begin with the body, token, write
 *   brief    begin with the first part, each further part, commit
 *   whole    begin with the body, commit
 *
 * A fault may also be between any two requests of what is one step.
 */
export type Grain = 'fine' | 'parts' | 'coarse' | 'brief' | 'whole';

export interface Mode {
  readonly layout: Layout;
  readonly fault: Fault;
  readonly grain: Grain;
}
