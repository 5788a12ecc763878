/**
 * Is there one order of the operations in which each gives what it gave, and that agrees with real
 * time? (Herlihy and Wing 1990.) An example:
 *
 *   const result = checkLinearizability(registerModel(), [
 *     { client: 'a', input: { type: 'set', value: 1 }, call: 0, return: 10 },
 *     { client: 'b', input: { type: 'get' }, output: undefined, call: 20, return: 30 },
 *   ]);
 *   result.verdict; // 'violation'
 *   result.explanation; // … get() gave undefined, from 20 to 30; it would give 1 here …
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { Interval } from './event-order.ts';
import { LinearizationSearch, type Placed, type SearchResult } from './linearization-search.ts';
import { inWords, valueKey } from './value-key.ts';

/** One call by one client, from before it was made until after it came back. */
export interface Operation<Input, Output = unknown> extends Interval {
  readonly input: Input;
  /**
   * Means nothing where `return` is Infinity: such an operation may have happened, at any time after
   * its call, or not. One that is known not to have happened is left out of the history.
   */
  readonly output?: Output;
  /** For explanations. */
  readonly client?: string | number;
}

/** What the object would do if there were only one client. */
export interface Model<State, Input, Output = unknown> {
  init(): State;
  /** Leaves `state` as it is. */
  step(state: State, input: Input): { readonly state: State; readonly output: Output };
  /** Equal for equal states, different for different ones. */
  key(state: State): string;
  /** Operations of different partitions have nothing to do with each other. Absent: there is one. */
  partition?(input: Input): unknown;
  /** Whether `output` will do where the model gives `expected`. Absent: if they are equal in value. */
  accepts?(expected: Output, output: Output): boolean;
  /** Absent: as the inspector shows it. */
  describe?(input: Input): string;
}

export interface LinearizabilityOptions {
  /** Steps of the model that a check may take, for all partitions together; 4,000,000 at first. */
  readonly stepsMax?: number;
}

interface Checked {
  /** In words. */
  readonly explanation: string;
  readonly operations: number;
  readonly partitions: number;
  /** Steps of the model. */
  readonly steps: number;
}

/** An operation that had to be next and cannot be. */
export interface Misfit<Input, Output> {
  readonly operation: Operation<Input, Output>;
  /** What the model gives in its place. */
  readonly expected: Output;
}

export interface LinearizabilityViolation<Input, Output> extends Checked {
  readonly verdict: 'violation';
  /** Undefined for a model without partitions. */
  readonly partition: unknown;
  /** The longest order that fits the partition. */
  readonly prefix: readonly Operation<Input, Output>[];
  /** One of these had to come after the prefix. */
  readonly misfits: readonly Misfit<Input, Output>[];
}

/** Neither is known: the budget was too small for the partition, or the test has too many clients. */
export interface LinearizabilityUnknown extends Checked {
  readonly verdict: 'unknown';
  readonly partition: unknown;
}

export type LinearizabilityResult<Input, Output = unknown> =
  | (Checked & { readonly verdict: 'ok' })
  | LinearizabilityViolation<Input, Output>
  | LinearizabilityUnknown;

const STEPS_MAX = 4_000_000;
const PREFIX_IN_WORDS_MAX = 10;
const MISFITS_IN_WORDS_MAX = 20;

interface Partition<Input, Output> {
  readonly name: unknown;
  readonly operations: Operation<Input, Output>[];
}

/**
 * Blocks; fast where few operations are concurrent and each partition is short. A violation in any
 * partition is a violation; else, where the steps did not suffice for each, the verdict is 'unknown'.
 * ERR_INVALID_ARGUMENT for an operation that returns before its call, and for a budget of less than 1.
 */
export function checkLinearizability<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  { stepsMax = STEPS_MAX }: LinearizabilityOptions = {},
): LinearizabilityResult<Input, Output> {
  if (!(stepsMax >= 1)) {
    const text = `a number of at least 1 was expected: stepsMax=${String(stepsMax)}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', text);
  }
  const partitions = partitionsOf(model, history);
  const size = { operations: history.length, partitions: partitions.length };
  let steps = 0;
  let unknown: { readonly partition: Partition<Input, Output>; readonly text: string } | undefined;
  // Short ones first: each may take an equal share of what is left, and leaves most of it.
  for (const [i, partition] of partitions.entries()) {
    const share = Math.floor((stepsMax - steps) / (partitions.length - i));
    const found = new LinearizationSearch(model, partition.operations).run(share);
    steps += found.steps;
    if (found.verdict === 'violation') {
      const misfits = found.candidates.map((operation) => {
        const state = found.last === undefined ? model.init() : found.last.state;
        return { operation, expected: model.step(state, operation.input).output };
      });
      const prefix = orderOf(found.last);
      const explanation = explain(model, partition, found, prefix, misfits);
      const { name } = partition;
      return {
        verdict: 'violation',
        ...size,
        steps,
        partition: name,
        prefix,
        misfits,
        explanation,
      };
    }
    if (found.verdict === 'unknown') {
      unknown ??= { partition, text: explainUnknown(partition, found, stepsMax) };
    }
  }
  if (unknown !== undefined) {
    const { partition, text } = unknown;
    return { verdict: 'unknown', ...size, steps, partition: partition.name, explanation: text };
  }
  const explanation = `linearizable: operations=${size.operations}, partitions=${size.partitions}`;
  return { verdict: 'ok', ...size, steps, explanation };
}

function partitionsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Partition<Input, Output>[] {
  const partitions = new Map<string, Partition<Input, Output>>();
  for (const operation of history) {
    const name = model.partition?.(operation.input);
    const key = valueKey(name);
    const partition = partitions.get(key);
    if (partition === undefined) partitions.set(key, { name, operations: [operation] });
    else partition.operations.push(operation);
  }
  return [...partitions.values()].sort((a, b) => a.operations.length - b.operations.length);
}

function orderOf<State, Input, Output>(
  last: Placed<State, Input, Output> | undefined,
): Operation<Input, Output>[] {
  const order: Operation<Input, Output>[] = [];
  for (let at = last; at !== undefined; at = at.before) order.push(at.operation);
  return order.reverse();
}

function explain<State, Input, Output>(
  model: Model<State, Input, Output>,
  partition: Partition<Input, Output>,
  { last }: SearchResult<State, Input, Output>,
  prefix: readonly Operation<Input, Output>[],
  misfits: readonly Misfit<Input, Output>[],
): string {
  const returned = partition.operations.filter((one) => one.return !== Infinity).length;
  const pending = partition.operations.length - returned;
  const skipped = prefix.length - PREFIX_IN_WORDS_MAX;
  const state = last === undefined ? model.init() : last.state;
  return [
    `not linearizable${nameOf(partition)}: no order of the operations gives what they gave.`,
    `The longest that does has ${last?.returned ?? 0} of the ${returned} that returned:`,
    ...(skipped > 0 ? [`  … ${skipped} before these`] : []),
    ...prefix.slice(-PREFIX_IN_WORDS_MAX).map((operation) => `  ${inOneLine(model, operation)}`),
    `There the state is ${inWords(state)}, and one of these had to be next; none can:`,
    ...misfits.slice(0, MISFITS_IN_WORDS_MAX).map(({ operation, expected }) => {
      return `  ${inOneLine(model, operation)}; it would give ${inWords(expected)} here`;
    }),
    ...(misfits.length > MISFITS_IN_WORDS_MAX ? [`  … of ${misfits.length}`] : []),
    ...(pending > 0 ? [`Operations that never returned do not help; there are ${pending}.`] : []),
  ].join('\n');
}

function explainUnknown<State, Input, Output>(
  partition: Partition<Input, Output>,
  { steps, last }: SearchResult<State, Input, Output>,
  stepsMax: number,
): string {
  const { length } = partition.operations;
  const reached = `an order of ${last?.returned ?? 0} of ${length} operations was reached`;
  return [
    `unknown${nameOf(partition)}: gave up after ${steps} steps (stepsMax=${stepsMax} for all`,
    `partitions); ${reached}. Fewer concurrent clients or fewer operations for each partition help.`,
  ].join('\n');
}

function nameOf({ name }: Partition<unknown, unknown>): string {
  return name === undefined ? '' : ` in partition ${inWords(name)}`;
}

function inOneLine<State, Input, Output>(
  model: Model<State, Input, Output>,
  operation: Operation<Input, Output>,
): string {
  const { client, input, output, call, return: end } = operation;
  const who = client === undefined ? '' : `${client}: `;
  const what = model.describe?.(input) ?? inWords(input);
  if (end === Infinity) return `${who}${what}, called at ${call}, never returned`;
  return `${who}${what} gave ${inWords(output)}, from ${call} to ${end}`;
}
