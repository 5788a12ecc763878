/** What a counter does: each call is of the whole of it, and each change tells the sum. */
import fc from 'fast-check';
import { TangoCounter } from '../tango-counter.ts';
import { call, type ObjectContract } from './object-contract.ts';

class CounterModel {
  value = 0;

  add(n = 1): number {
    this.value += n;
    return this.value;
  }

  next(): number {
    return this.add() - 1;
  }
}

export const counterContract: ObjectContract<TangoCounter, CounterModel> = {
  name: 'counter',
  type: TangoCounter,
  model: CounterModel,
  observe: (counter) => counter.value,
  calls: fc.oneof(call('value'), call('next'), call('add', fc.integer({ min: -9, max: 9 }))),
  conflicts: [
    {
      given: [['add', 5]],
      meanwhile: [['add', 1], ['add', 0], ['next']],
      inBody: [
        [['value'], 'xxx'],
        [['add', 2], 'xxx'],
        [['next'], 'xxx'],
      ],
    },
  ],
};
