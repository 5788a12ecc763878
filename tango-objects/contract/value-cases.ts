/** What an object holds for the application comes back as it went in, or is refused. */
import { inspect } from 'node:util';
import { codeOf } from '../opened-logs.ts';
import type { CaseWorld } from './case-world.ts';
import { Caller, expectSame, type Holder, type ObjectContract } from './object-contract.ts';

/** Made anew each time: what is compared is no copy of what is held. */
const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => true,
  () => 0,
  () => 1.5,
  () => Number.NaN,
  () => Number.NEGATIVE_INFINITY,
  () => Number.MAX_SAFE_INTEGER,
  () => '',
  () => 'Grüße, 😀',
  () => '__proto__',
  () => 'constructor',
  () => 'x'.repeat(1000),
  () => 5n,
  () => -(2n ** 70n),
  () => new Date(5),
  () => Uint8Array.of(0, 128, 255),
  () => new Float64Array([1.5, Number.NaN]),
  () => /a+/g,
  () => new Set([1, 'one', new Date(1)]),
  () => new Map<unknown, unknown>([[new Date(1), new Map([['__proto__', 1n]])]]),
  () => [undefined, [Number.NaN, null]],
  () => ({ a: undefined, b: { c: [new Map([[1, Uint8Array.of(1)]])] } }),
  () => ({ constructor: 1, toString: 2 }),
];

class Instance {
  readonly isInstance = true;
}

const REFUSED: readonly (() => unknown)[] = [
  () => () => 1,
  () => Symbol('symbol'),
  () => new Instance(),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => '\ud800',
  () => JSON.parse('{"__proto__":1}'),
  () => [{ deep: [() => 1] }],
  () => new Map([[Symbol('symbol'), 1]]),
  () => Array.from({ length: 101 }).reduce((inner) => [inner], 1),
];

const MB = 1_000_000;
const REFUSED_CODE = 'ERR_INVALID_ARGUMENT';

export async function keepsValues(contract: ObjectContract, world: CaseWorld): Promise<void> {
  const { tango } = world;
  const checks: (readonly [name: string, check: (object: object) => void])[] = [];
  const put = async (holder: Holder<object>, make: () => unknown, expected = make) => {
    const caller = await world.openOne(strict(contract));
    const tail = tango.log.tailSync();
    if (holder.refuses?.(make())) {
      await expectRefused(caller, holder, make());
      expectSame(tango.log.tailSync(), tail, 'the tail');
      return;
    }
    caller.callSync(holder.put(make()));
    const check = (object: object): void => {
      expectSame(holder.found(object, expected()), expected(), `the ${holder.name}`);
    };
    check(caller.object);
    tango.transactSync(() => check(caller.object));
    checks.push([caller.name, check]);
  };
  for (const holder of contract.holders ?? []) {
    for (const make of VALUES) await put(holder, make);
    // msgpack has one zero, and so has a Map.
    await put(
      holder,
      () => -0,
      () => 0,
    );
  }
  await tango.forget(await tango.checkpoint());
  await world.withLateClient(async (late) => {
    for (const [name, check] of checks) check((await Caller.open(contract, late, name)).object);
  });
}

export async function refusesWhatCannotBeEncoded(
  contract: ObjectContract,
  world: CaseWorld,
): Promise<void> {
  const { log } = world.tango;
  const caller = await world.openOne(strict(contract));
  const [state, tail] = [caller.observe(), log.tailSync()];
  for (const holder of contract.holders ?? []) {
    for (const make of REFUSED) await expectRefused(caller, holder, make());
  }
  expectSame(log.tailSync(), tail, 'the tail');
  expectSame(caller.observe(), state, 'the object');
}

export async function takesLargeValues(contract: ObjectContract, world: CaseWorld): Promise<void> {
  const { log } = world.tango;
  for (const holder of contract.holders ?? []) {
    const [one, two] = await world.openTwo(strict(contract));
    if (holder.isKey) {
      const tail = log.tailSync();
      await expectRefused(one, holder, 'k'.repeat(MB));
      await expectRefused(one, holder, new Uint8Array(MB));
      expectSame(log.tailSync(), tail, 'the tail');
      continue;
    }
    const bytes = new Uint8Array(10 * MB).fill(7);
    await one.call(holder.put(bytes));
    const found = holder.found(two.object, bytes) as Uint8Array;
    expectSame(Buffer.compare(found, bytes), 0, `a ${holder.name} of 10 MB, compared`);
  }
}

/** Errors of the object's own may have the same codes. */
function strict(contract: ObjectContract): ObjectContract {
  return { ...contract, errors: [] };
}

/** By each way to make the change; nothing of it is in the log. */
async function expectRefused(
  caller: Caller<object>,
  holder: Holder<object>,
  value: unknown,
): Promise<void> {
  const change = holder.put(value);
  const { tango } = caller;
  const codes = [
    await codeOf(() => caller.call(change)),
    await codeOf(() => caller.callSync(change)),
    await codeOf(() => tango.transactSync(() => caller.callSync(change))),
  ];
  const what = `the codes of a ${holder.name} that cannot be, ${inspect(value).slice(0, 50)}`;
  expectSame(
    codes,
    codes.map(() => REFUSED_CODE),
    what,
  );
}
