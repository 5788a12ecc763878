/** What must hold of every execution of every scenario. */
import {
  checkStrictSerializability,
  type Transaction,
} from '../checkers/strict-serializability.ts';
import type { Attempt } from './attempt.ts';
import type { Execution } from './execution.ts';
import type { Host } from './host.ts';
import type { Placed } from './recorded-map.ts';

export const INITIALLY = 'T0';

/** Throws what is wrong. `hosts`: those that live, all played up to the end of the log. */
export function checkExecution(execution: Execution, hosts: readonly Host[], trims: boolean): void {
  checkViews(hosts);
  for (const attempt of execution.attempts) checkOutcome(execution, attempt, trims);
  const { explanation, verdict } = checkStrictSerializability(historyOf(execution));
  if (verdict !== 'ok') throw new Error(explanation);
}

/** Views of one object at one position are equal. */
function checkViews(hosts: readonly Host[]): void {
  const first = new Map<string, string>();
  for (const host of hosts) {
    for (const [name, digest] of host.digests()) {
      const other = first.get(name);
      if (other === undefined) first.set(name, digest);
      else if (other !== digest) throw new Error(`views of ${name} differ: ${other}, ${digest}`);
    }
  }
}

/**
 * What a client is told is what the log says, and the log says what its rule says: an attempt takes
 * effect iff nothing that it read was changed from its snapshot on, up to its place.
 */
function checkOutcome(execution: Execution, attempt: Attempt, trims: boolean): void {
  const { name, outcome, code } = attempt;
  const happened = execution.happened(attempt);
  if (outcome === 'failed') throw new Error(`${name} has failed: ${code}`);
  if (outcome === 'committed' && !happened) throw new Error(`${name} is lost`);
  if ((outcome === 'conflict' || outcome === 'aborted') && happened) {
    throw new Error(`${name} is there, and its client was told: ${outcome}`);
  }
  const changes = changesSince(execution, attempt);
  const position = execution.positionOf(attempt);
  const stale = changes.find((one) => one.position < position);
  if (stale !== undefined)
    throw new Error(`${name} read what ${stale.value} has changed before it`);
  if (outcome === 'conflict' && changes.length === 0 && !trims) {
    throw new Error(`${name} is in conflict with nobody`);
  }
}

/** By others, of what the attempt has read. */
function changesSince(execution: Execution, { name, reads, snapshot }: Attempt): Placed[] {
  const keys = reads.has(undefined) ? [...execution.lists.keys()] : [...reads];
  return keys
    .flatMap((key) => execution.lists.get(key ?? '') ?? [])
    .filter(({ value, position }) => position >= snapshot && !value.endsWith(` ${name}`));
}

function historyOf(execution: Execution): Transaction[] {
  const { attempts, lists } = execution;
  const times = attempts.flatMap((one) => [one.call, one.begun, one.return]);
  const end = 1 + Math.max(...times.filter(Number.isFinite));
  const keys = [...lists.keys()];
  const initial = keys.flatMap((key) =>
    (lists.get(key) ?? [])
      .filter(({ value }) => value.endsWith(` ${INITIALLY}`))
      .map(({ value }) => ({ type: 'append' as const, key, value })),
  );
  const finally_ = keys.map((key) => ({
    type: 'read' as const,
    key,
    values: (lists.get(key) ?? []).map(({ value }) => value),
  }));
  return [
    { operations: initial, outcome: 'ok', call: -2, return: -1, name: INITIALLY },
    ...attempts.flatMap(transactionsOf),
    { operations: finally_, outcome: 'ok', call: end, return: end + 1, name: 'the end' },
  ];
}

/**
 * The attempt, and what it read alone: whatever becomes of it, that is one snapshot, taken when it
 * began (opacity).
 */
function transactionsOf(attempt: Attempt): Transaction[] {
  const { name, call, begun, operations, outcome, found } = attempt;
  const reads = [...found].map(([key, values]) => ({ type: 'read' as const, key, values }));
  const snapshot: Transaction[] =
    reads.length === 0 || begun === Number.POSITIVE_INFINITY
      ? []
      : [{ operations: reads, outcome: 'ok', call, return: begun, name: `the reads of ${name}` }];
  const told = outcome === 'committed' ? 'ok' : outcome === 'unfinished' ? 'unknown' : 'fail';
  return [...snapshot, { operations, outcome: told, call, return: attempt.return, name }];
}
