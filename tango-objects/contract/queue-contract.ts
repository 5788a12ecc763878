/** What a queue does: producers do not conflict, consumers do over what stands in front. */
import fc from 'fast-check';
import { TangoQueue } from '../tango-queue.ts';
import { call, type ObjectContract } from './object-contract.ts';

class QueueModel {
  held: unknown[] = [];

  get length(): number {
    return this.held.length;
  }

  peek(): unknown {
    return this.held[0];
  }

  values(): unknown[] {
    return [...this.held];
  }

  push(...values: unknown[]): void {
    this.held.push(...values);
  }

  shift(): unknown {
    return this.held.shift();
  }

  clear(): void {
    this.held = [];
  }

  shiftSeveral(count: number): unknown[] {
    return Array.from({ length: count }, () => this.held.shift());
  }

  pushAndShift(count: number, value: unknown): unknown[] {
    this.held.push(value);
    return this.shiftSeveral(count);
  }

  pushAndPeek(value: unknown): unknown {
    this.held.push(value);
    return this.peek();
  }
}

const value = fc.oneof(fc.integer({ min: 0, max: 999 }), fc.constant(undefined));
const count = fc.integer({ min: 0, max: 3 });

export const queueContract: ObjectContract<TangoQueue, QueueModel> = {
  name: 'queue',
  type: TangoQueue,
  model: QueueModel,
  observe: (queue) => [queue.length, queue.peek(), [...queue.values()]],
  calls: fc.oneof(
    { weight: 3, arbitrary: call('push', value) },
    { weight: 3, arbitrary: call('shift') },
    call('push', value, value, value),
    call('push'),
    call('peek'),
    call('length'),
    call('values'),
    call('clear'),
    call('shiftSeveral', count),
    call('pushAndShift', count, value),
    call('pushAndPeek', value),
  ),
  composed: (queue) => {
    const shiftSeveral = (times: number): unknown[] =>
      Array.from({ length: times }, () => queue.shiftSync());
    return {
      shiftSeveral,
      pushAndShift: (times: number, one: unknown) => {
        queue.pushSync(one);
        return shiftSeveral(times);
      },
      pushAndPeek: (one: unknown) => {
        queue.pushSync(one);
        return queue.peek();
      },
    };
  },
  conflicts: [
    {
      given: [['push', 1, 2]],
      meanwhile: [['push', 9], ['shift'], ['clear']],
      inBody: [
        [['peek'], '.xx'],
        [['shift'], '.xx'],
        [['shiftSeveral', 2], '.xx'],
        [['shiftSeveral', 3], 'xxx'],
        [['pushAndPeek', 3], '.xx'],
        [['pushAndShift', 2, 3], '.xx'],
        [['pushAndShift', 3, 3], 'xxx'],
        [['length'], 'xxx'],
        [['values'], 'xxx'],
        [['push', 3], '...'],
        [['clear'], '...'],
      ],
    },
    // Where nothing stands in front, producers matter.
    {
      given: [['push', 1], ['shift']],
      meanwhile: [['push', 9], ['shift'], ['clear']],
      inBody: [
        [['peek'], 'xxx'],
        [['shift'], 'xxx'],
        [['pushAndPeek', 3], 'xxx'],
        [['pushAndShift', 1, 3], 'xxx'],
        [['length'], 'xxx'],
        [['push', 3], '...'],
        [['clear'], '...'],
      ],
    },
  ],
  holders: [
    {
      name: 'element',
      put: (one) => ['push', one],
      found: (queue) => queue.peek(),
    },
  ],
};
