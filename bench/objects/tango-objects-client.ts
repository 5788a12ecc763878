/** The objects of tangolog, on the direct link. */
import { attach, type Tango, type TangoHandle } from '../../index.ts';
import {
  type Call,
  type Calls,
  ELEMENTS,
  elementOf,
  isAdding,
  type ObjectClient,
  RANGE,
} from './object-client.ts';

export class TangoObjectsClient implements ObjectClient {
  readonly blocking: Calls;
  readonly awaited: Calls;
  readonly #tango: Tango;

  private constructor(tango: Tango, blocking: Calls, awaited: Calls) {
    this.#tango = tango;
    this.blocking = blocking;
    this.awaited = awaited;
  }

  static async attach(handle: TangoHandle): Promise<TangoObjectsClient> {
    const tango = await attach(handle, { link: 'direct' });
    const objects = await openObjects(tango);
    return new TangoObjectsClient(tango, blockingCalls(objects), awaitedCalls(objects));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tango.close();
  }
}

async function openObjects(tango: Tango) {
  return {
    set: await tango.set<number>('set'),
    list: await tango.list<number>('list'),
    appended: await tango.list<number>('appended'),
    queue: await tango.queue<number>('queue'),
    sortedMap: await tango.sortedMap<number, number>('sorted map'),
    lock: await tango.lock('lock'),
    counter: await tango.counter('counter'),
    register: await tango.register<number>('register'),
  };
}

type Objects = Awaited<ReturnType<typeof openObjects>>;

/** Reads block, and do not wait: there is no other form of them. */
function reads({ set, list, sortedMap, register }: Objects) {
  return {
    'set: has': (number) => set.has(number % ELEMENTS),
    'list: at': (number) => list.at(number % ELEMENTS),
    'sorted map: range': (number) => [...sortedMap.range({ gte: number % ELEMENTS, limit: RANGE })],
    'register: get': () => register.get(),
  } satisfies Calls;
}

function blockingCalls(objects: Objects): Calls {
  const { set, appended, queue, sortedMap, lock, counter, register } = objects;
  return {
    ...reads(objects),
    'set: add, delete': (number) => {
      if (isAdding(number)) set.addSync(elementOf(number));
      else set.deleteSync(elementOf(number));
    },
    'list: append': (number) => appended.appendSync(number),
    'queue: push, shift': (number) => {
      queue.pushSync(number);
      queue.shiftSync();
    },
    'queue: push': (element) => queue.pushSync(element),
    // An entry in the log only where there is something to be had.
    'queue: take': () => (queue.peek() === undefined ? undefined : queue.shiftSync()),
    'sorted map: set': (number) => sortedMap.setSync(number % ELEMENTS, number),
    'lock: acquire, release': () => {
      const hold = lock.tryAcquireSync();
      if (hold === undefined) throw new Error('nobody else has the lock');
      hold.releaseSync();
    },
    'counter: add': () => counter.addSync(),
    'register: set': (number) => register.setSync(number),
  };
}

function awaitedCalls(objects: Objects): Calls {
  const { set, list, appended, queue, sortedMap, lock, counter, register } = objects;
  const fill: Call = async () => {
    const numbers = Array.from({ length: ELEMENTS }, (_, number) => number);
    const sets = numbers.flatMap((number) => [set.add(number), sortedMap.set(number, number)]);
    await Promise.all([...sets, list.clear(), list.append(...numbers), register.set(1)]);
  };
  return {
    ...reads(objects),
    'set: add, delete': (number) =>
      isAdding(number) ? set.add(elementOf(number)) : set.delete(elementOf(number)),
    'list: append': (number) => appended.append(number),
    'queue: push, shift': async (number) => {
      await queue.push(number);
      await queue.shift();
    },
    'queue: push': (element) => queue.push(element),
    'queue: take': () => queue.take(),
    'sorted map: set': (number) => sortedMap.set(number % ELEMENTS, number),
    'lock: acquire, release': async () => {
      const hold = await lock.acquire();
      await hold.release();
    },
    'counter: add': () => counter.add(),
    'register: set': (number) => register.set(number),
    fill,
    'clear list': () => appended.clear(),
  };
}
