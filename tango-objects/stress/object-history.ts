/** From what journals hold to histories that the checkers take, and what they say. */
import { checkLinearizability, type Model, type Operation } from '../checkers/linearizability.ts';
import { counterModel, mapModel, registerModel } from '../checkers/models.ts';
import type { ListOperation, Transaction } from '../checkers/strict-serializability.ts';
import type { Recorded } from './journal.ts';
import type { FoundLists, PlannedOperation, PlannedTransaction } from './list-client.ts';
import type { PlannedCall } from './operation-client.ts';

/** An operation, and the thread that left it. */
export interface ClientRecord extends Recorded {
  readonly client: number;
}

/** Transactions as the checker takes them; a nested call that gave up is one that failed. */
export function transactionsOf(records: readonly ClientRecord[]): Transaction[] {
  return records.flatMap((record) => {
    const plan = record.input as PlannedTransaction;
    const { operations, nestedFrom = operations.length, nestedThrows } = plan;
    const kept = nestedThrows ? operations.slice(0, nestedFrom) : operations;
    const found = record.outcome === 'ok' ? (record.output as FoundLists) : undefined;
    const { outcome, call } = record;
    const name = `${describe(plan)} of client ${record.client}`;
    const outer = kept.flatMap((one, i) => operationsOf(one, found?.[i]));
    const times = { call, return: record.return };
    const transaction: Transaction = { operations: outer, outcome, ...times, name };
    if (!nestedThrows) return [transaction];
    const undone = operations.slice(nestedFrom).flatMap((one) => operationsOf(one, undefined));
    const given: Transaction = {
      operations: undone,
      outcome: 'fail',
      ...times,
      name: `nested, ${name}`,
    };
    return [transaction, given];
  });
}

/** An append to a list that was read for it is a read before that. */
function operationsOf(
  { type, key, value = 0 }: PlannedOperation,
  values: readonly number[] | null | undefined,
): ListOperation[] {
  const reads: ListOperation[] = values ? [{ type: 'read', key, values }] : [];
  return type === 'read' ? reads : [...reads, { type, key, value }];
}

function describe({ how, contended, retries, throws }: PlannedTransaction): string {
  const lists = contended ? 'contended' : 'other';
  return [how, lists, `${retries} retries`, ...(throws ? ['gives up'] : [])].join(' ');
}

/** Contended transactions that could have been in conflict, and how many of them were. */
export function contentionOf(records: readonly ClientRecord[]): { ended: number; aborted: number } {
  let ended = 0;
  let aborted = 0;
  for (const { input, outcome, output } of records) {
    const { contended, operations, throws } = input as PlannedTransaction;
    if (!contended || throws || operations.every(({ type }) => type === 'read')) continue;
    if (outcome === 'ok') ended++;
    if (outcome !== 'fail' || output !== 'ERR_CONFLICT') continue;
    ended++;
    aborted++;
  }
  return { ended, aborted };
}

/** What is wrong with operations on the three objects, in words; nothing: []. */
export function wrongOperations(records: readonly ClientRecord[]): string[] {
  return [
    ...wrongOf(records, 'register', registerModel()),
    ...wrongOf(records, 'counter', counterModel()),
    ...wrongOf(records, 'map', mapModel()),
  ];
}

function wrongOf<State, Input, Output>(
  records: readonly ClientRecord[],
  object: PlannedCall['object'],
  model: Model<State, Input, Output>,
): string[] {
  const history = records.flatMap((record): Operation<Input, Output>[] => {
    const call = record.input as PlannedCall;
    if (call.object !== object || record.outcome === 'fail') return [];
    const end = record.outcome === 'ok' ? record.return : Number.POSITIVE_INFINITY;
    const output = record.output as Output;
    return [
      { client: record.client, input: call.input as Input, output, call: record.call, return: end },
    ];
  });
  const { verdict, explanation } = checkLinearizability(model, history);
  return verdict === 'ok' ? [] : [`${object}, ${verdict}: ${explanation}`];
}
