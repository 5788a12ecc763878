/** What a register does: each call is of the whole of it. */
import fc from 'fast-check';
import { isSame } from '../same-value.ts';
import { TangoRegister } from '../tango-register.ts';
import { call, type ObjectContract } from './object-contract.ts';

class RegisterModel {
  value: unknown;

  get(): unknown {
    return this.value;
  }

  set(value: unknown): void {
    this.value = value;
  }

  compareAndSet(expected: unknown, value: unknown): boolean {
    const isExpected = isSame(this.value, expected);
    if (isExpected) this.value = value;
    return isExpected;
  }
}

const value = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(undefined), fc.constant('text'));

export const registerContract: ObjectContract<TangoRegister, RegisterModel> = {
  name: 'register',
  type: TangoRegister,
  model: RegisterModel,
  observe: (register) => register.get(),
  calls: fc.oneof(call('get'), call('set', value), call('compareAndSet', value, value)),
  conflicts: [
    {
      given: [['set', 1]],
      meanwhile: [
        ['set', 2],
        ['set', 1],
        ['compareAndSet', 1, 2],
        ['compareAndSet', 8, 9],
      ],
      inBody: [
        [['get'], 'xxxx'],
        [['compareAndSet', 1, 3], 'xxxx'],
        [['set', 3], '....'],
      ],
    },
  ],
  holders: [
    {
      name: 'value',
      put: (one) => ['set', one],
      found: (register) => register.get(),
    },
  ],
};
