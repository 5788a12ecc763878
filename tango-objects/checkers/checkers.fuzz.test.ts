/**
 * The checkers against the definition: try every order. Histories come from a run in some order, whose
 * operations are stretched until they overlap; then one result is changed. SEED= repeats a run.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkLinearizability, type Model, type Operation } from './linearizability.ts';
import {
  type CounterInput,
  counterModel,
  type MapInput,
  mapModel,
  type QueueInput,
  queueModel,
  type RegisterInput,
  registerModel,
} from './models.ts';
import {
  type Anomaly,
  checkStrictSerializability,
  type ListOperation,
  type ListValue,
  type Transaction,
} from './strict-serializability.ts';

const fuzz = suite('checkers');

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const RUNS = { numRuns: 3000, seed: SEED };

interface Span {
  readonly call: number;
  readonly return: number;
}

/** By the definition: is there an order, of all but some of `mayBeMissing`, that `take` goes along with? */
function someOrder<T extends Span, S>(
  left: readonly T[],
  state: S,
  mayBeMissing: (one: T) => boolean,
  take: (state: S, one: T) => S | undefined,
): boolean {
  if (left.every(mayBeMissing)) return true;
  return left.some((one) => {
    const others = left.filter((other) => other !== one);
    if (others.some((other) => !mayBeMissing(other) && other.return < one.call)) return false;
    const after = take(state, one);
    return after !== undefined && someOrder(others, after, mayBeMissing, take);
  });
}

/** What a real object does, told apart from the models: it is changed in place. */
type RealObject<Input> = { do(input: Input): unknown };

class RealRegister implements RealObject<RegisterInput> {
  #value: unknown = 0;
  do(input: RegisterInput): unknown {
    if (input.type === 'get') return this.#value;
    if (input.type === 'compareAndSet' && input.expected !== this.#value) return false;
    this.#value = input.value;
    return input.type === 'set' ? undefined : true;
  }
}

class RealCounter implements RealObject<CounterInput> {
  #sum = 0;
  do(input: CounterInput): unknown {
    if (input.type === 'add') this.#sum += input.n;
    return this.#sum;
  }
}

class RealMap implements RealObject<MapInput> {
  readonly #map = new Map<unknown, unknown>();
  do(input: MapInput): unknown {
    const { key } = input;
    const had = this.#map.has(key);
    if (!('value' in input)) {
      if (input.type === 'delete') return this.#map.delete(key);
      return input.type === 'get' ? this.#map.get(key) : had;
    }
    if (input.type === 'set' || !had) this.#map.set(key, input.value);
    return input.type === 'set' ? undefined : !had;
  }
}

class RealQueue implements RealObject<QueueInput> {
  readonly #items: unknown[] = [];
  do(input: QueueInput): unknown {
    if (input.type === 'dequeue') return this.#items.shift();
    this.#items.push(input.value);
    return undefined;
  }
}

/** The state of a real object is the inputs that it was given. */
function fits<Input>(
  history: readonly Operation<Input>[],
  fresh: () => RealObject<Input>,
): boolean {
  type Spanned = Operation<Input> & Span;
  const isPending = (one: Spanned): boolean => one.return === Infinity;
  return someOrder(history as Spanned[], [] as readonly Input[], isPending, (inputs, one) => {
    const object = fresh();
    for (const input of inputs) object.do(input);
    const output = object.do(one.input);
    return isPending(one) || output === one.output ? [...inputs, one.input] : undefined;
  });
}

const small = fc.nat(2);
/** The next one is 10 later. */
const stretch = fc.record({ early: fc.nat(20), late: fc.nat(20) });
/** Whether an operation never returned, and then whether it happened. */
const fate = fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'happened', 'did not happen');
const change = fc.record({
  which: fc.nat(6),
  to: fc.constantFrom(undefined, true, false, 0, 1, 2, 3),
});

function checkObject<S, Input>(
  model: Model<S, Input>,
  fresh: () => RealObject<Input>,
  input: fc.Arbitrary<Input>,
): void {
  let refused = 0;
  let accepted = 0;
  const step = fc.record({ input, stretch, fate });
  const steps = fc.array(step, { minLength: 1, maxLength: 6, size: 'max' });
  fc.assert(
    fc.property(steps, change, (given, { which, to }) => {
      const object = fresh();
      const history = given.map(({ input, stretch: { early, late }, fate }, i) => {
        const output = fate === 'did not happen' ? undefined : object.do(input);
        const end = fate === 'ok' ? 10 * i + late : Infinity;
        return { input, output, call: 10 * i - early, return: end, client: i };
      });
      const good = checkLinearizability(model, history);
      assert.is(good.verdict, 'ok', good.explanation);
      const changed = history.map((one, i) => {
        return i === which % history.length ? { ...one, output: to as unknown } : one;
      });
      const found = checkLinearizability(model, changed.reverse());
      assert.is(found.verdict, fits(changed, fresh) ? 'ok' : 'violation', found.explanation);
      if (found.verdict === 'ok') accepted++;
      else refused++;
    }),
    RUNS,
  );
  assert.ok(
    accepted > 100 && refused > 100,
    `SEED=${SEED} accepted=${accepted} refused=${refused}`,
  );
}

fuzz('a register is judged as by trying every order', () => {
  const input = fc.oneof(
    fc.record({ type: fc.constant('get' as const) }),
    fc.record({ type: fc.constant('set' as const), value: small }),
    fc.record({ type: fc.constant('compareAndSet' as const), expected: small, value: small }),
  );
  checkObject(registerModel(0), () => new RealRegister(), input);
});

fuzz('a counter is judged as by trying every order', () => {
  const input = fc.oneof(
    fc.record({ type: fc.constant('get' as const) }),
    fc.record({ type: fc.constant('add' as const), n: small }),
  );
  checkObject(counterModel(), () => new RealCounter(), input);
});

fuzz('a map is judged as by trying every order', () => {
  const key = fc.nat(1);
  const input = fc.oneof(
    fc.record({ type: fc.constantFrom('get' as const, 'has' as const, 'delete' as const), key }),
    fc.record({ type: fc.constantFrom('set' as const, 'setIfAbsent' as const), key, value: small }),
  );
  checkObject(mapModel(), () => new RealMap(), input);
});

fuzz('a queue is judged as by trying every order', () => {
  const input = fc.oneof(
    fc.record({ type: fc.constant('enqueue' as const), value: small }),
    fc.record({ type: fc.constant('dequeue' as const) }),
  );
  checkObject(queueModel(), () => new RealQueue(), input);
});

type Lists = Readonly<Record<string, readonly ListValue[]>>;

/** The lists after a transaction; undefined if a read differs from what it would read. */
function transact(lists: Lists, { operations }: Transaction): Lists | undefined {
  const after: Record<string, readonly ListValue[]> = { ...lists };
  for (const operation of operations) {
    const { key } = operation;
    const list = after[key] ?? [];
    if (operation.type === 'append') after[key] = [...list, operation.value];
    else if (operation.values !== undefined && list.join() !== operation.values.join())
      return undefined;
  }
  return after;
}

function isSerializable(transactions: readonly Transaction[]): boolean {
  const spans = transactions
    .filter(({ outcome }) => outcome !== 'fail')
    .map((one) => (one.outcome === 'ok' ? one : { ...one, return: Infinity }));
  const mayBeMissing = (one: Transaction): boolean => one.outcome === 'unknown';
  return someOrder(spans as (Transaction & Span)[], {} as Lists, mayBeMissing, transact);
}

const outcome = fc.constantFrom('ok', 'ok', 'ok', 'ok', 'fail', 'happened', 'did not happen');
const part = fc.record({ append: fc.boolean(), key: fc.constantFrom('x', 'y') });
interface Given {
  readonly parts: readonly { readonly append: boolean; readonly key: string }[];
  readonly stretch: { readonly early: number; readonly late: number };
  readonly outcome: string;
  readonly lag: number;
}

const transaction: fc.Arbitrary<Given> = fc.record({
  parts: fc.array(part, { minLength: 1, maxLength: 3 }),
  stretch,
  outcome,
  lag: fc.constantFrom(0, 0, 0, 1, 2, 3),
});

/** Takes effect one after the other; if `isWeak`, some read what the lists were before the last ones. */
function recorded(given: readonly Given[], isWeak: boolean): Transaction[] {
  const lists: Record<string, ListValue[]> = { x: [], y: [] };
  const before: { readonly x: ListValue[]; readonly y: ListValue[] }[] = [];
  let value = 0;
  return given.map(({ parts, stretch: { early, late }, outcome, lag }, i) => {
    before.push({ x: [...lists.x], y: [...lists.y] });
    const { x, y } = before[Math.max(isWeak ? i - lag : i, 0)];
    const own: Record<string, ListValue[]> = { x: [...x], y: [...y] };
    const appended: Record<string, ListValue[]> = { x: [], y: [] };
    const operations = parts.map(({ append, key }): ListOperation => {
      if (!append) return { type: 'read', key, values: [...own[key]] };
      own[key].push(++value);
      appended[key].push(value);
      return { type: 'append', key, value };
    });
    if (outcome === 'ok' || outcome === 'happened') {
      lists.x.push(...appended.x);
      lists.y.push(...appended.y);
    }
    const known = outcome === 'ok' || outcome === 'fail' ? outcome : 'unknown';
    return { operations, outcome: known, call: 10 * i - early, return: 10 * i + late };
  });
}

/** Changes one read, or one outcome. */
const harm = fc.record({
  which: fc.nat(20),
  how: fc.constantFrom('shorter', 'longer', 'swapped', 'other', 'failed', 'empty'),
  extra: fc.nat(8),
});

function harmed(
  transactions: readonly Transaction[],
  { which, how, extra }: { readonly which: number; readonly how: string; readonly extra: number },
): Transaction[] {
  const at = which % transactions.length;
  return transactions.map((one, i) => {
    if (i !== at) return one;
    if (how === 'failed') return { ...one, outcome: 'fail' };
    const operations = one.operations.map((operation, j): ListOperation => {
      if (operation.type === 'append' || j % 2 !== which % 2) return operation;
      const values = [...(operation.values ?? [])];
      if (how === 'shorter') values.pop();
      if (how === 'longer') values.push(extra);
      if (how === 'swapped') values.reverse();
      if (how === 'other' && values.length > 0) values[extra % values.length] = extra;
      return { ...operation, values: how === 'empty' ? [] : values };
    });
    return { ...one, operations };
  });
}

/** Each dependency leads to the next, and they are of the kinds that the name of the cycle stands for. */
function checkCycle({ type, dependencies, transactions }: Anomaly): void {
  if (dependencies.length === 0) return;
  for (const [i, { from, to, kind }] of dependencies.entries()) {
    assert.is(from, transactions[i]);
    assert.is(to, dependencies[(i + 1) % dependencies.length].from);
    if (kind === 'realtime') assert.ok(from.outcome === 'ok' && from.return < to.call);
  }
  const count = (wanted: string) => dependencies.filter(({ kind }) => kind === wanted).length;
  const [name, time] = type.split('-realtime');
  assert.is(count('realtime') > 0, time !== undefined);
  if (name === 'G0') assert.equal([count('wr'), count('rw'), count('ww') > 0], [0, 0, true]);
  if (name === 'G1c') assert.equal([count('rw'), count('wr') > 0], [0, true]);
  if (name === 'G-single') assert.is(count('rw'), 1);
  if (name === 'G2-item') assert.ok(count('rw') > 1);
}

fuzz('transactions are judged as by trying every order', () => {
  const types = new Map<string, number>();
  let accepted = 0;
  const transactions = fc.array(transaction, { minLength: 1, maxLength: 6, size: 'max' });
  fc.assert(
    fc.property(transactions, fc.array(harm, { maxLength: 2 }), (given, harms) => {
      const history = recorded(given, false);
      const good = checkStrictSerializability(history);
      assert.is(good.verdict, 'ok', good.explanation);
      const changed = harms.reduce(harmed, recorded(given, true)).reverse();
      const found = checkStrictSerializability(changed);
      assert.is(found.verdict, isSerializable(changed) ? 'ok' : 'violation', found.explanation);
      found.anomalies.forEach(checkCycle);
      if (found.verdict === 'ok') accepted++;
      for (const { type } of found.anomalies) types.set(type, (types.get(type) ?? 0) + 1);
    }),
    { ...RUNS, numRuns: 10_000 },
  );
  assert.ok(accepted > 500, `SEED=${SEED} accepted=${accepted}`);
  const often = [
    'G2-item',
    'G-single',
    'G-single-realtime',
    'G1a',
    'internal',
    'incompatible-order',
  ];
  for (const type of often) assert.ok((types.get(type) ?? 0) > 20, `SEED=${SEED} ${type} is rare`);
});

fuzz.run();
