/** Classes of objects: which are refused, and that they take no name. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import type { ObjectType } from '../runtime/views/object-type.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import { TangoMap } from './tango-map.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const types = suite('object types');

types.after.each(() => logs.close());

/** A sum, with a say in what it is made with. */
class Sum extends TangoObject<number> {
  #sum = 0;

  get sum(): number {
    return this.query(() => this.#sum);
  }

  add(n: number): Promise<number> {
    return this.update(n);
  }

  addSync(n: number): number {
    return this.updateSync(n);
  }

  protected apply(n: number): unknown {
    if (this.#sum + n > 10) return new TangoError('ERR_UNSUPPORTED', `too much: n=${n}`);
    this.#sum += n;
    return this.#sum;
  }

  protected checkpoint(): unknown {
    return this.#sum;
  }

  protected restore(state: unknown): void {
    this.#sum = state as number;
  }
}

class Picky extends Sum {
  constructor(binding: ObjectBinding) {
    super(binding);
    const { start } = binding.options as { start: number };
    if (start < 0) throw new TangoError('ERR_UNSUPPORTED', 'the start is below zero');
  }
}

abstract class Halfway extends TangoObject<number> {
  protected apply(): void {}
}

class Plain {}

types('a class of which no object can be made takes no name', async () => {
  const tango = await logs.open();
  const nameless = [class extends Sum {}][0];
  const oddlyNamed = Object.assign(class Odd extends Sum {}, { typeName: 5 });
  const longNamed = Object.assign(class Long extends Sum {}, { typeName: 'x'.repeat(1025) });
  assert.is(nameless.name, '');
  const before = tango.log.tailSync();
  for (const type of [
    Plain,
    Halfway,
    TangoObject,
    ReplicatedObject,
    nameless,
    oddlyNamed,
    longNamed,
    () => {},
    'Sum',
    null,
  ]) {
    const open = () => tango.object(type as unknown as ObjectType<unknown>, 'name');
    assert.is(await codeOf(open), 'ERR_INVALID_ARGUMENT', String(type));
  }
  try {
    assert.unreachable(String(await tango.object(Picky, 'name')));
  } catch (error) {
    const { code, message, object, cause } = TangoError.from(error);
    assert.equal([code, object], ['ERR_INVALID_ARGUMENT', 'name']);
    assert.match(message, 'type=Picky');
    assert.instance(cause, TypeError);
  }
  assert.is(await codeOf(() => tango.object(Picky, 'name', { start: -1 })), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => tango.map('name', { index: {} } as never)), 'ERR_INVALID_ARGUMENT');
  assert.is(tango.log.tailSync(), before, 'nothing was appended');
  assert.is(await (await tango.object(Sum, 'name')).add(1), 1, 'the name is free');
});

types('a class that is made with options alone does not hinder a checkpoint', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const picky = await tango.object(Picky, 'one', { start: 1 });
  await (await other.object(Picky, 'two', { start: 1 })).add(2);
  await picky.add(1);
  await tango.checkpoint();
  await picky.add(1);
  const late = await logs.attach(tango);
  assert.is((await late.object(Picky, 'one', { start: 1 })).sum, 2);
  assert.is((await late.object(Picky, 'two', { start: 1 })).sum, 2);
});

types(
  'an operation that apply() refuses is told, changes nothing, and the view goes on',
  async () => {
    const tango = await logs.open();
    const other = await logs.attach(tango);
    const [sum, same] = [await tango.object(Sum, 's'), await other.object(Sum, 's')];
    assert.is(await sum.add(8), 8);
    assert.is(await codeOf(() => sum.add(3)), 'ERR_UNSUPPORTED');
    assert.is(await codeOf(() => same.addSync(3)), 'ERR_UNSUPPORTED');
    assert.equal([sum.sum, same.sum], [8, 8]);
    const body = (): void => {
      sum.addSync(1);
      sum.addSync(5);
    };
    assert.is(await codeOf(() => tango.transact(body)), 'ERR_UNSUPPORTED');
    assert.is(same.sum, 8, 'nothing of the body');
    const caught = tango.transactSync(() => {
      try {
        return sum.addSync(5);
      } catch {
        return sum.addSync(2);
      }
    });
    assert.equal([caught, sum.sum, same.sum], [10, 10, 10]);
  },
);

types(
  'a map that would keep more in a checkpoint(), which is never called, is refused',
  async () => {
    class Wrong extends TangoMap<string, number> {
      static override readonly typeName: string = 'wrong';

      protected override checkpoint(): unknown {
        return [super.checkpoint(), 'more'];
      }
    }
    class Right extends TangoMap<string, number> {
      static override readonly typeName: string = 'right';

      twice(key: string): number {
        return 2 * (this.get(key) ?? 0);
      }
    }
    const tango = await logs.open();
    assert.is(await codeOf(() => tango.object(Wrong, 'm')), 'ERR_UNSUPPORTED');
    const map = await tango.object(Right, 'm');
    await map.set('a', 4);
    assert.is(map.twice('a'), 8);
  },
);

types('an object that is opened in a body fails the body', async () => {
  const tango = await logs.open();
  const sum = await tango.object(Sum, 's');
  const body = (): void => {
    sum.addSync(1);
    void tango.map('opened too late');
  };
  assert.is(await codeOf(() => tango.transact(body)), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => tango.transactSync(body)), 'ERR_UNSUPPORTED');
  assert.is(sum.sum, 0);
});

types.run();
