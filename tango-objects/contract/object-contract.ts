/**
 * What an object has to say of itself for the suite that every replicated object passes: its calls, what
 * they would do without a log, and which of them conflict. register-contract.ts is a short example,
 * bank-contract.ts one of an application's own object.
 */
import { inspect } from 'node:util';
import { serialize } from 'node:v8';
import fc from 'fast-check';
import { TangoError } from '../../actors/tango-error.ts';
import type { ObjectType } from '../../runtime/views/object-type.ts';
import type { Model } from '../checkers/linearizability.ts';
import { isSame } from '../same-value.ts';
import type { Tango } from '../tango.ts';

/**
 * A call by its name and arguments: of a method, or of a property without any. One whose name has a twin
 * with the suffix `Sync` is a change, any other a read.
 */
export type Call = readonly [method: string, ...args: unknown[]];

/** Which calls conflict where some have been made before: each of the pairs is tried. */
export interface Conflicts {
  /** What has happened before. */
  readonly given: readonly Call[];
  /** What another client changes while a transaction is under way. */
  readonly meanwhile: readonly Call[];
  /** What the transaction does, and for each call of `meanwhile` `x`: it conflicts, or `.`: it does not. */
  readonly inBody: readonly (readonly [call: Call, conflicts: string])[];
}

/** A place of the object where values of the application are. */
export interface Holder<O> {
  readonly name: string;
  /** The change that puts `value` there, in an object that has seen no other. */
  put(value: unknown): Call;
  /** What is there. `value`: a copy of what was put. */
  found(object: O, value: unknown): unknown;
  /** The object has no place for such a value: ERR_INVALID_ARGUMENT. */
  refuses?(value: unknown): boolean;
  /** What is put there is a key, and of a limited size. */
  readonly isKey?: true;
}

/** `O`: the object; `M`: its model. */
export interface ObjectContract<O extends object = object, M extends object = object> {
  readonly name: string;
  readonly type: ObjectType<O>;
  /** As `tango.object` takes them. */
  readonly options?: unknown;
  /**
   * The object as if there were one client and no log: methods and properties of the same names that do
   * and give the same. Its state is in fields that structuredClone copies.
   */
  readonly model: new () => M;
  /** Everything that calls can tell, as primitives, arrays and plain objects. */
  observe(one: O | M): unknown;
  /** Of calls that are worth making: with few keys, and many values. */
  readonly calls: fc.Arbitrary<Call>;
  /** Codes with which calls end as their model does; any other fails the suite. */
  readonly errors?: readonly string[];
  /**
   * Calls that the model has and the object has not, made of several of the object's: run as transactions,
   * they block.
   */
  composed?(object: O): Readonly<Record<string, (...args: never[]) => unknown>>;
  readonly conflicts: readonly Conflicts[];
  readonly holders?: readonly Holder<O>[];
}

/** What a call that ends with one of the contract's codes has come to. */
interface Failed {
  readonly error: string;
}

/** Calls of one name: `call('set', key, value)`. */
export function call(
  method: string,
  ...args: readonly fc.Arbitrary<unknown>[]
): fc.Arbitrary<Call> {
  return fc.tuple(fc.constant(method), ...args);
}

/** One client's object, and how calls are made on it. */
export class Caller<O extends object> {
  readonly tango: Tango;
  readonly object: O;
  readonly name: string;
  readonly #contract: ObjectContract<O>;

  private constructor(contract: ObjectContract<O>, tango: Tango, object: O, name: string) {
    this.#contract = contract;
    this.tango = tango;
    this.object = object;
    this.name = name;
  }

  static async open<O extends object>(
    contract: ObjectContract<O>,
    tango: Tango,
    name: string,
  ): Promise<Caller<O>> {
    const object = await tango.object<O>(contract.type, name, contract.options);
    return new Caller(contract, tango, object, name);
  }

  /** By the promise of it, where there is one. */
  call([method, ...args]: Call): Promise<unknown> {
    const { tango, object } = this;
    const composed = this.#composed(method, args);
    return settled(this.#contract, async () => {
      if (composed !== undefined) return await tango.transact(composed);
      return await invoke(object, method, args);
    });
  }

  /** By the twin that blocks, as in the body of a transaction. */
  callSync([method, ...args]: Call): unknown {
    const { tango, object } = this;
    const composed = this.#composed(method, args);
    return ended(this.#contract, () => {
      if (composed !== undefined) return tango.transactSync(composed);
      return invoke(object, this.#isChange(method) ? `${method}Sync` : method, args);
    });
  }

  /** Several of them may be under way at once, and take effect in their order. */
  isPlainChange([method, ...args]: Call): boolean {
    return this.#isChange(method) && this.#composed(method, args) === undefined;
  }

  observe(): unknown {
    return this.#contract.observe(this.object);
  }

  #isChange(method: string): boolean {
    return `${method}Sync` in this.object;
  }

  #composed(method: string, args: readonly unknown[]): (() => unknown) | undefined {
    const composed = this.#contract.composed?.(this.object)[method];
    return composed && (() => composed(...(args as never[])));
  }
}

/** The model of a contract, with a state of its own. */
export class ModelCaller {
  readonly #contract: ObjectContract;
  readonly #model: object;

  constructor(contract: ObjectContract, model: object = new contract.model()) {
    this.#contract = contract;
    this.#model = model;
  }

  call([method, ...args]: Call): unknown {
    return ended(this.#contract, () => invoke(this.#model, method, args));
  }

  observe(): unknown {
    return this.#contract.observe(this.#model);
  }

  /** Of all that it holds, whether it can be observed now or tells later. */
  key(): string {
    return serialize({ ...this.#model }).toString('latin1');
  }

  copy(): ModelCaller {
    const copy: object = Object.create(Object.getPrototypeOf(this.#model));
    Object.assign(copy, structuredClone({ ...this.#model }));
    return new ModelCaller(this.#contract, copy);
  }
}

/** For checkLinearizability: what threads have called, and what it gave. */
export function linearizabilityModel(contract: ObjectContract): Model<ModelCaller, Call> {
  return {
    init: () => new ModelCaller(contract),
    step: (before, one) => {
      const state = before.copy();
      return { state, output: state.call(one) };
    },
    key: (state) => state.key(),
    describe: inWords,
  };
}

/** As it looks in a program. */
export function inWords([method, ...args]: Call): string {
  return `${method}(${args.map((one) => inspect(one, { breakLength: Infinity })).join(', ')})`;
}

/** Throws unless the two are the same. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  if (isSame(actual, expected)) return;
  const [is, was] = [actual, expected].map((one) => {
    return inspect(one, { depth: 8, maxArrayLength: 50, maxStringLength: 200 });
  });
  throw new Error(`${what}:\n  is            ${is}\n  was expected  ${was}`);
}

/** A method or a property; what it gives is taken out of iterators. */
function invoke(one: object, method: string, args: readonly unknown[]): unknown {
  if (!(method in one)) throw new Error(`${one.constructor.name} has no ${method}`);
  const member: unknown = Reflect.get(one, method);
  if (typeof member !== 'function') return member;
  const result: unknown = Reflect.apply(member, one, args);
  return isIterator(result) ? [...result] : result;
}

function isIterator(value: unknown): value is IterableIterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && Symbol.iterator in value;
}

async function settled(contract: ObjectContract, work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return failed(contract, error);
  }
}

function ended(contract: ObjectContract, work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return failed(contract, error);
  }
}

function failed({ errors }: ObjectContract, error: unknown): Failed {
  if (error instanceof TangoError && errors?.includes(error.code)) return { error: error.code };
  throw error;
}
