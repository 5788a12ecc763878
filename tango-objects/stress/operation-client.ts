/** Single operations on a register, a counter and a map: histories for the linearizability checker. */

import type { CounterInput, MapInput, RegisterInput } from '../checkers/models.ts';
import type { TangoCounter } from '../tango-counter.ts';
import type { TangoMap } from '../tango-map.ts';
import type { TangoRegister } from '../tango-register.ts';
import { ObjectClient, type ObjectClientOptions } from './object-client.ts';

/** What an operation is about to do: its input in the journal. */
export type PlannedCall = { readonly sync: boolean } & (
  | { readonly object: 'register'; readonly input: RegisterInput }
  | { readonly object: 'counter'; readonly input: CounterInput }
  | { readonly object: 'map'; readonly input: MapInput }
);

const KEYS = 4;
const ADDED_MAX = 5;
/** The others are promises. */
const SYNC_CHANCE = 0.3;

interface Objects {
  readonly register: TangoRegister<number>;
  readonly counter: TangoCounter;
  readonly map: TangoMap<string, number>;
}

export class OperationClient extends ObjectClient {
  readonly #objects: Objects;
  /** What the register held when it was read last. */
  #seen: number | undefined;

  private constructor(options: ObjectClientOptions, objects: Objects) {
    super(options);
    this.#objects = objects;
  }

  static async open(options: ObjectClientOptions): Promise<OperationClient> {
    const { tango, round } = options;
    return new OperationClient(options, {
      register: await tango.register<number>(`register ${round}`),
      counter: await tango.counter(`counter ${round}`),
      map: await tango.map<string, number>(`map ${round}`),
    });
  }

  protected async step(): Promise<void> {
    const call = this.#plan();
    const output = await this.perform(call, () => this.#call(call));
    if (call.object === 'register' && call.input.type === 'get') this.#seen = output as number;
  }

  protected state(): unknown {
    const { register, counter, map } = this.#objects;
    return [register.get(), counter.value, [...map]];
  }

  #plan(): PlannedCall {
    const { random } = this.options;
    const sync = random.chance(SYNC_CHANCE);
    const value = this.nextValue();
    const key = `k${random.below(KEYS)}`;
    switch (random.below(10)) {
      case 0:
        return { sync, object: 'register', input: { type: 'get' } };
      case 1:
        return { sync, object: 'register', input: { type: 'set', value } };
      case 2: {
        const expected = this.#seen;
        return { sync, object: 'register', input: { type: 'compareAndSet', expected, value } };
      }
      case 3:
        return { sync, object: 'counter', input: { type: 'get' } };
      case 4: {
        const n = 1 + random.below(ADDED_MAX);
        return { sync, object: 'counter', input: { type: 'add', n } };
      }
      case 5:
        return { sync, object: 'map', input: { type: 'get', key } };
      case 6:
        return { sync, object: 'map', input: { type: 'has', key } };
      case 7:
        return { sync, object: 'map', input: { type: 'delete', key } };
      case 8:
        return { sync, object: 'map', input: { type: 'set', key, value } };
      default:
        return { sync, object: 'map', input: { type: 'setIfAbsent', key, value } };
    }
  }

  #call(call: PlannedCall): unknown {
    const { register, counter } = this.#objects;
    const { sync } = call;
    if (call.object === 'map') return this.#callMap(call.input, sync);
    if (call.object === 'counter') {
      if (call.input.type === 'get') return counter.value;
      return sync ? counter.addSync(call.input.n) : counter.add(call.input.n);
    }
    const { input } = call;
    switch (input.type) {
      case 'get':
        return register.get();
      case 'set': {
        const value = input.value as number;
        return sync ? register.setSync(value) : register.set(value);
      }
      default: {
        const expected = input.expected as number | undefined;
        const value = input.value as number;
        if (sync) return register.compareAndSetSync(expected, value);
        return register.compareAndSet(expected, value);
      }
    }
  }

  #callMap(input: MapInput, sync: boolean): unknown {
    const { map } = this.#objects;
    const key = input.key as string;
    switch (input.type) {
      case 'get':
        return map.get(key);
      case 'has':
        return map.has(key);
      case 'delete':
        return sync ? map.deleteSync(key) : map.delete(key);
      case 'set': {
        const value = input.value as number;
        return sync ? map.setSync(key, value) : map.set(key, value);
      }
      default: {
        const value = input.value as number;
        return sync ? map.setIfAbsentSync(key, value) : map.setIfAbsent(key, value);
      }
    }
  }
}
