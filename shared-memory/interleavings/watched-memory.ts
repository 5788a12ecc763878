/**
 * Shared memory whose every access is seen: while watched, the global `Atomics` functions and the
 * typed arrays built on SharedArrayBuffers report to whoever records, so that production code runs
 * unchanged. Nobody records: accesses simply happen.
 *
 *   new Int32Array(shared)[i]   read, write          (plain; fill, set, slice: each element)
 *   Atomics.load(view, i) ...   load, store, add ...
 *   Atomics.wait(view, i, v)    enqueue (compare, queue up), then settle (rung, or deadline)
 */

export type AccessKind =
  | 'read'
  | 'write'
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'or'
  | 'exchange'
  | 'compareExchange'
  | 'notify'
  | 'enqueue'
  | 'settle';

/** One access that has not happened yet. */
export interface Access {
  readonly kind: AccessKind;
  /** Address of the first byte: all buffers lie one after the other. */
  readonly at: number;
  readonly bytes: number;
  /** The 32-bit words around it, for those who undo it. */
  readonly words: Int32Array;
  readonly word: number;
  /** What is stored, or how many are notified; for descriptions. */
  readonly operand: unknown;
  /** Does it. For `enqueue`: whether the word has the expected value. */
  readonly perform: () => unknown;
}

/** Gives the result of each access of the running thread, or throws to stop the thread there. */
export type Recorder = (access: Access) => unknown;

type View = Int32Array | BigInt64Array | Uint8Array | Float64Array;
type Element = number | bigint;
/** One signature for views of numbers and of BigInts: the edge where the types of both meet. */
type Elements = View & Record<number, Element>;

const realAtomics = {
  load: Atomics.load,
  store: Atomics.store,
  add: Atomics.add,
  sub: Atomics.sub,
  or: Atomics.or,
  exchange: Atomics.exchange,
  compareExchange: Atomics.compareExchange,
  wait: Atomics.wait,
  waitAsync: Atomics.waitAsync,
  notify: Atomics.notify,
};
const realViews = { Int32Array, BigInt64Array, Uint8Array, Float64Array };
const RealWords = Int32Array;

const PLAIN: ReadonlySet<AccessKind> = new Set(['read', 'write']);
const LOOKING: ReadonlySet<AccessKind> = new Set(['read', 'load', 'notify', 'enqueue', 'settle']);

export const isPlain = (access: Access): boolean => PLAIN.has(access.kind);
export const mayWrite = (access: Access): boolean => !LOOKING.has(access.kind);

let recorder: Recorder | undefined;
let buffers = new Map<ArrayBufferLike, { base: number; words: Int32Array }>();
let bytesMapped = 0;
/** Words read by quietly(): no thread may write them. */
let constants = new Set<number>();
let targets = new WeakMap<object, Elements>();

/** Runs `body` with every access reported; nested calls are not meant. */
export function watch<T>(body: () => T): T {
  buffers = new Map();
  bytesMapped = 0;
  constants = new Set();
  targets = new WeakMap();
  Object.assign(Atomics, watchedAtomics);
  for (const [name, real] of Object.entries(realViews)) {
    const construct = (target: object, args: unknown[]): object => {
      const view = Reflect.construct(target as typeof Int32Array, args) as Elements;
      return view.buffer instanceof SharedArrayBuffer ? watchedView(view) : view;
    };
    Object.assign(globalThis, { [name]: new Proxy<object>(real, { construct }) });
  }
  try {
    return body();
  } finally {
    recorder = undefined;
    Object.assign(Atomics, realAtomics);
    Object.assign(globalThis, realViews);
  }
}

/** Runs `body` as a thread whose accesses go to `to`. */
export function recording<T>(to: Recorder, body: () => T): T {
  const before = recorder;
  recorder = to;
  try {
    return body();
  } finally {
    recorder = before;
  }
}

/**
 * Builds views without scheduling points. Only for views that read constants: a thread that writes
 * one of these words later on is found out.
 */
export function quietly<T>(body: () => T): T {
  const quiet: Recorder = (access) => {
    if (access.kind !== 'read') throw new Error(`quietly() does no ${access.kind}`);
    constants.add(access.at >> 2);
    return access.perform();
  };
  return recording(quiet, body);
}

/** Waits for the promise that a watched Atomics.waitAsync has given. */
export function settled(promise: Promise<unknown>): unknown {
  const waiting = pendingWaits.get(promise);
  if (waiting === undefined) throw new Error('settled() takes a promise of Atomics.waitAsync');
  return seen('settle', waiting.view, waiting.index, undefined, () => 'ok');
}

/** Address of a byte of a buffer. */
export function addressOf(buffer: SharedArrayBuffer, offset: number): number {
  return mapped(buffer).base + offset;
}

/** `buffer 0 byte 128`. */
export function nameOf(address: number): string {
  let index = 0;
  for (const { base, words } of buffers.values()) {
    const offset = address - base;
    if (offset >= 0 && offset < words.buffer.byteLength) return `buffer ${index} byte ${offset}`;
    index++;
  }
  return `address ${address}`;
}

export function assertNoConstant(access: Access): void {
  if (!mayWrite(access)) return;
  for (let word = access.at >> 2; word << 2 < access.at + access.bytes; word++) {
    if (constants.has(word)) throw new Error(`${nameOf(access.at)} was read as a constant`);
  }
}

function mapped(buffer: ArrayBufferLike): { base: number; words: Int32Array } {
  let found = buffers.get(buffer);
  if (found === undefined) {
    found = { base: bytesMapped, words: new RealWords(buffer, 0, buffer.byteLength >> 2) };
    buffers.set(buffer, found);
    bytesMapped += (buffer.byteLength + 63) & -64;
  }
  return found;
}

function seen(
  kind: AccessKind,
  view: Elements,
  index: number,
  operand: unknown,
  perform: () => unknown,
): unknown {
  if (recorder === undefined) return perform();
  const { base, words } = mapped(view.buffer);
  const offset = view.byteOffset + index * view.BYTES_PER_ELEMENT;
  const bytes = view.BYTES_PER_ELEMENT;
  return recorder({ kind, at: base + offset, bytes, words, word: offset >> 2, operand, perform });
}

function read(view: Elements, index: number): unknown {
  if (index >= view.length) return undefined;
  return seen('read', view, index, undefined, () => view[index]);
}

function write(view: Elements, index: number, value: Element): void {
  if (index >= view.length) return;
  seen('write', view, index, value, () => {
    view[index] = value;
  });
}

/** Methods of typed arrays that touch elements, one element at a time. */
const bulk = {
  fill: (view: Elements) => (value: Element, from: number, to: number) => {
    for (let i = from; i < to; i++) write(view, i, value);
  },
  set: (view: Elements) => (source: ArrayLike<Element>, offset: number) => {
    for (let i = 0; i < source.length; i++) write(view, offset + i, source[i]);
  },
  slice: (view: Elements) => (from: number, to: number) => {
    const Copy = view.constructor as new (length: number) => Elements;
    const copy = new Copy(Math.max(0, to - from));
    for (let i = 0; i < copy.length; i++) copy[i] = read(view, from + i) as Element;
    return copy;
  },
  subarray: (view: Elements) => (from: number, to: number) =>
    watchedView(view.subarray(from, to) as Elements),
};

const viewTraps: ProxyHandler<Elements> = {
  get(view, key) {
    if (typeof key === 'symbol') return Reflect.get(view, key, view);
    const digit = key.charCodeAt(0);
    if (digit >= 48 && digit <= 57) return read(view, Number(key));
    if (Object.hasOwn(bulk, key)) return bulk[key as keyof typeof bulk](view);
    const value: unknown = Reflect.get(view, key, view);
    if (typeof value === 'function' && key !== 'constructor') {
      throw new Error(`the method ${key} of a shared view is not watched`);
    }
    return value;
  },
  set(view, key, value) {
    write(view, Number(key), value as Element);
    return true;
  },
};

function watchedView(view: Elements): Elements {
  mapped(view.buffer);
  const proxy = new Proxy(view, viewTraps);
  targets.set(proxy, view);
  return proxy;
}

/** The real view below a watched one. */
const below = (view: View): Elements => targets.get(view) ?? (view as Elements);

type Operation = (view: View, index: number, ...operands: Element[]) => unknown;

function watched(kind: keyof typeof realAtomics & AccessKind): Operation {
  const real = realAtomics[kind] as unknown as Operation;
  return (view, index, ...operands) => {
    const target = below(view);
    return seen(kind, target, index, operands, () => real(target, index, ...operands));
  };
}

const pendingWaits = new WeakMap<Promise<unknown>, { view: Elements; index: number }>();

/** 'queued' or 'not-equal': compares and queues up in one step. */
function enqueue(view: Elements, index: number, expected: Element): unknown {
  const load = realAtomics.load as unknown as Operation;
  const isEqual = (): unknown => (load(view, index) === expected ? 'queued' : 'not-equal');
  return seen('enqueue', view, index, expected, isEqual);
}

const watchedAtomics = {
  load: watched('load'),
  store: watched('store'),
  add: watched('add'),
  sub: watched('sub'),
  or: watched('or'),
  exchange: watched('exchange'),
  compareExchange: watched('compareExchange'),
  notify(view: View, index: number, count = Number.POSITIVE_INFINITY): unknown {
    return seen('notify', below(view), index, count, () => 0);
  },
  wait(view: View, index: number, expected: Element): unknown {
    const target = below(view);
    if (enqueue(target, index, expected) === 'not-equal') return 'not-equal';
    return seen('settle', target, index, undefined, () => 'ok');
  },
  waitAsync(view: View, index: number, expected: Element): { async: boolean; value: unknown } {
    const target = below(view);
    if (enqueue(target, index, expected) === 'not-equal') {
      return { async: false, value: 'not-equal' };
    }
    const value = Promise.resolve('ok');
    pendingWaits.set(value, { view: target, index });
    return { async: true, value };
  },
};
