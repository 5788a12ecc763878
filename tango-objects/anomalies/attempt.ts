/** What is recorded of one attempt of a transaction. */
import type { ListOperation } from '../checkers/strict-serializability.ts';
import type { TransactionSpec } from './scenario.ts';

/** 'aborted': by its own will. 'failed': with any other error. */
export type Outcome = 'unfinished' | 'committed' | 'conflict' | 'aborted' | 'failed';

export class Attempt {
  readonly spec: TransactionSpec;
  /** From 0; what follows a conflict is another attempt. */
  readonly number: number;
  /** In half steps of the execution; `begun`: its snapshot is known. */
  call = 0;
  begun = Number.POSITIVE_INFINITY;
  return = Number.POSITIVE_INFINITY;
  outcome: Outcome = 'unfinished';
  /** Of the error it has failed with. */
  code = '';
  /** Position; -1: none yet. */
  snapshot = -1;
  result: unknown;
  operations: ListOperation[] = [];
  /** What the view held, without own changes. */
  found = new Map<string, readonly string[]>();
  /** Keys that it depends on; undefined among them: whole objects. */
  readonly reads = new Set<string | undefined>();

  constructor(spec: TransactionSpec, number: number) {
    this.spec = spec;
    this.number = number;
  }

  get name(): string {
    return this.number === 0 ? this.spec.name : `${this.spec.name}.${this.number + 1}`;
  }

  get writes(): string[] {
    return this.operations.flatMap((one) => (one.type === 'append' ? [String(one.key)] : []));
  }

  /** Begins its body anew. */
  restart(): void {
    this.operations = [];
    this.found = new Map();
  }
}
