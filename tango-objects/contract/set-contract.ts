/** What a set does: members conflict one by one, `size` and iteration with every member. */
import fc from 'fast-check';
import { TangoSet } from '../tango-set.ts';
import { call, type ObjectContract } from './object-contract.ts';

class SetModel {
  readonly held = new Set<unknown>();

  get size(): number {
    return this.held.size;
  }

  has(value: unknown): boolean {
    return this.held.has(value);
  }

  values(): unknown[] {
    return [...this.held];
  }

  add(value: unknown): boolean {
    const isAbsent = !this.held.has(value);
    this.held.add(value);
    return isAbsent;
  }

  delete(value: unknown): boolean {
    return this.held.delete(value);
  }

  clear(): void {
    this.held.clear();
  }
}

const member = fc.constantFrom('a', 'b', '__proto__', 1, undefined);

export const setContract: ObjectContract<TangoSet, SetModel> = {
  name: 'set',
  type: TangoSet,
  model: SetModel,
  observe: (set) => [set.size, [...set.values()]],
  calls: fc.oneof(
    { weight: 4, arbitrary: call('add', member) },
    { weight: 2, arbitrary: call('delete', member) },
    { weight: 2, arbitrary: call('has', member) },
    call('clear'),
    call('size'),
    call('values'),
  ),
  conflicts: [
    {
      given: [['add', 'a']],
      meanwhile: [['add', 'a'], ['delete', 'a'], ['add', 'new'], ['clear']],
      inBody: [
        [['has', 'a'], 'xx.x'],
        [['has', 'new'], '..xx'],
        [['has', 'b'], '...x'],
        [['size'], 'xxxx'],
        [['values'], 'xxxx'],
        [['add', 'a'], 'xx.x'],
        [['delete', 'new'], '..xx'],
        [['clear'], '....'],
      ],
    },
  ],
  holders: [
    {
      name: 'member',
      put: (one) => ['add', one],
      found: (set, one) => (set.has(one) ? [...set.values()][0] : 'not there'),
      isKey: true,
    },
  ],
};
