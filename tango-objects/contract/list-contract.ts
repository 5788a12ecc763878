/** What a list does: elements conflict one by one, appends with the length, the rest with all. */
import fc from 'fast-check';
import { invalid } from '../../runtime/arguments.ts';
import { TangoList } from '../tango-list.ts';
import { call, type ObjectContract } from './object-contract.ts';

class ListModel {
  held: unknown[] = [];

  get length(): number {
    return this.held.length;
  }

  at(index: number): unknown {
    return this.held.at(index);
  }

  slice(start?: number, end?: number): unknown[] {
    return this.held.slice(start, end);
  }

  indexOf(value: unknown): number {
    return this.held.indexOf(value);
  }

  includes(value: unknown): boolean {
    return this.held.includes(value);
  }

  toArray(): unknown[] {
    return [...this.held];
  }

  values(): unknown[] {
    return [...this.held];
  }

  entries(): [number, unknown][] {
    return [...this.held.entries()];
  }

  push(...values: unknown[]): number {
    return this.held.push(...values);
  }

  append(...values: unknown[]): void {
    this.held.push(...values);
  }

  insert(index: number, value: unknown): void {
    check(index, this.held.length + 1);
    this.held.splice(index, 0, value);
  }

  set(index: number, value: unknown): void {
    check(index, this.held.length);
    this.held[index] = value;
  }

  delete(index: number): unknown {
    check(index, this.held.length);
    return this.held.splice(index, 1)[0];
  }

  clear(): void {
    this.held = [];
  }

  appendAndAt(index: number, value: unknown): unknown {
    this.append(value);
    return this.at(index);
  }

  appendAndSet(index: number, value: unknown): void {
    check(index, this.held.length + 1);
    this.append(value);
    this.set(index, value);
  }

  appendAndSlice(start: number, end: number, value: unknown): unknown {
    this.append(value);
    return this.slice(start, end);
  }

  clearAndAppend(value: unknown): unknown {
    this.clear();
    this.append(value);
    return this.at(0);
  }
}

function check(index: number, limit: number): void {
  if (index < 0 || index >= limit) throw invalid('index', index, 'within the list');
}

const value = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(undefined));
const index = fc.integer({ min: 0, max: 4 });
const anyIndex = fc.integer({ min: -6, max: 6 });

export const listContract: ObjectContract<TangoList, ListModel> = {
  name: 'list',
  type: TangoList,
  model: ListModel,
  errors: ['ERR_INVALID_ARGUMENT'],
  observe: (list) => [list.length, [...list.toArray()]],
  calls: fc.oneof(
    { weight: 2, arbitrary: call('push', value) },
    { weight: 2, arbitrary: call('append', value, value) },
    { weight: 3, arbitrary: call('insert', index, value) },
    { weight: 3, arbitrary: call('set', index, value) },
    { weight: 3, arbitrary: call('delete', index) },
    call('push', value, value, value),
    call('insert', anyIndex, value),
    call('set', anyIndex, value),
    call('delete', anyIndex),
    call('clear'),
    call('at', anyIndex),
    call('length'),
    call('slice'),
    call('slice', anyIndex),
    call('slice', anyIndex, anyIndex),
    call('indexOf', value),
    call('includes', value),
    call('values'),
    call('entries'),
    call('appendAndAt', anyIndex, value),
    call('appendAndSlice', anyIndex, anyIndex, value),
    call('clearAndAppend', value),
  ),
  composed: (list) => ({
    appendAndAt: (at: number, one: unknown) => {
      list.appendSync(one);
      return list.at(at);
    },
    appendAndSet: (at: number, one: unknown) => {
      list.appendSync(one);
      list.setSync(at, one);
    },
    appendAndSlice: (start: number, end: number, one: unknown) => {
      list.appendSync(one);
      return list.slice(start, end);
    },
    clearAndAppend: (one: unknown) => {
      list.clearSync();
      list.appendSync(one);
      return list.at(0);
    },
  }),
  conflicts: [
    {
      given: [['append', 1, 2, 3]],
      meanwhile: [
        ['append', 9],
        ['push', 9],
        ['set', 0, 9],
        ['set', 2, 9],
        ['insert', 3, 9],
        ['delete', 2],
        ['clear'],
        // Outside of the list: it changes nothing.
        ['set', 7, 9],
      ],
      inBody: [
        [['at', 0], '..x.xxx.'],
        [['at', 1], '....xxx.'],
        [['at', -1], 'xx.xxxx.'],
        [['at', -9], 'xx..xxx.'],
        [['at', 3], 'xx..xxx.'],
        [['length'], 'xx..xxx.'],
        [['slice', 0, 2], '..x.xxx.'],
        [['slice', 1, 3], '...xxxx.'],
        [['slice', 1], 'xx.xxxx.'],
        [['slice', 1, 4], 'xx.xxxx.'],
        [['slice', -3, -1], 'xxx.xxx.'],
        [['values'], 'xxxxxxxx'],
        [['entries'], 'xxxxxxxx'],
        [['toArray'], 'xxxxxxxx'],
        [['indexOf', 1], 'xxxxxxxx'],
        [['append', 4], '........'],
        [['clear'], '........'],
        [['push', 4], 'xx..xxx.'],
        [['set', 0, 4], '..x.xxx.'],
        [['set', 3, 4], 'xx..xxx.'],
        [['insert', 0, 4], 'xxxxxxxx'],
        [['delete', 0], 'xxxxxxxx'],
        [['appendAndAt', 0, 4], '..x.xxx.'],
        [['appendAndAt', 3, 4], 'xx..xxx.'],
        [['appendAndSet', 0, 4], '..x.xxx.'],
        [['appendAndSet', 3, 4], 'xx..xxx.'],
        [['appendAndSlice', 0, 3, 4], '..xxxxx.'],
        [['appendAndSlice', 0, 4, 4], 'xxxxxxx.'],
      ],
    },
  ],
  holders: [
    {
      name: 'element',
      put: (one) => ['append', one],
      found: (list) => list.at(0),
    },
  ],
};
