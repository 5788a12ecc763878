/** Sequential models of a register, a counter, a map and a queue, for checkLinearizability. */
import type { Model } from './linearizability.ts';
import { inWords, isSameValue, valueKey } from './value-key.ts';

export type RegisterInput =
  | { readonly type: 'get' }
  | { readonly type: 'set'; readonly value: unknown }
  | { readonly type: 'compareAndSet'; readonly expected: unknown; readonly value: unknown };

/** get gives the value, set undefined, compareAndSet whether it has set. */
export function registerModel(initial?: unknown): Model<unknown, RegisterInput> {
  return {
    init: () => initial,
    step: (value, input) => {
      if (input.type === 'get') return { state: value, output: value };
      if (input.type === 'set') return { state: input.value, output: undefined };
      const same = isSameValue(value, input.expected);
      return { state: same ? input.value : value, output: same };
    },
    key: valueKey,
    describe,
  };
}

export type CounterInput = { readonly type: 'get' } | { readonly type: 'add'; readonly n: number };

/** Both give the sum; that of add is with what it added. */
export function counterModel(initial = 0): Model<number, CounterInput, number> {
  return {
    init: () => initial,
    step: (sum, input) => {
      const state = input.type === 'add' ? sum + input.n : sum;
      return { state, output: state };
    },
    key: String,
    describe,
  };
}

export type MapInput =
  | { readonly type: 'get' | 'has' | 'delete'; readonly key: unknown }
  | { readonly type: 'set' | 'setIfAbsent'; readonly key: unknown; readonly value: unknown };

/** What one key holds: nothing, or a value, which may be undefined. */
type Held = readonly [] | readonly [unknown];

/**
 * Each key is checked by itself. get gives the value or undefined, has whether there is one, set
 * undefined, delete whether there was one, setIfAbsent whether it has set.
 */
export function mapModel(): Model<Held, MapInput> {
  return {
    init: () => [],
    step: (held, input) => {
      const present = held.length === 1;
      switch (input.type) {
        case 'get':
          return { state: held, output: held[0] };
        case 'has':
          return { state: held, output: present };
        case 'delete':
          return { state: [], output: present };
        case 'set':
          return { state: [input.value], output: undefined };
        case 'setIfAbsent':
          return { state: present ? held : [input.value], output: !present };
      }
    },
    key: valueKey,
    partition: (input) => input.key,
    describe,
  };
}

export type QueueInput =
  | { readonly type: 'enqueue'; readonly value: unknown }
  | { readonly type: 'dequeue' };

/** First in, first out; dequeue gives undefined when there is nothing. Steps cost the queue's length. */
export function queueModel(): Model<readonly unknown[], QueueInput> {
  return {
    init: () => [],
    step: (items, input) => {
      if (input.type === 'enqueue') return { state: [...items, input.value], output: undefined };
      return { state: items.slice(1), output: items[0] };
    },
    key: valueKey,
    describe,
  };
}

/** As the call looks in a program. */
function describe({ type, ...given }: { readonly type: string }): string {
  return `${type}(${Object.values(given).map(inWords).join(', ')})`;
}
