/** For tests: logs that are opened and attached to, closed afterwards, and the code that a call ends with. */
import { TangoError } from '../actors/tango-error.ts';
import type { OpenOptions } from '../runtime/open-options.ts';
import { attach, open, type Tango } from './tango.ts';

export class OpenedLogs {
  readonly #defaults: OpenOptions;
  readonly #opened: Tango[] = [];

  constructor(defaults: OpenOptions = {}) {
    this.#defaults = defaults;
  }

  async open(options: OpenOptions = {}): Promise<Tango> {
    return this.add(await open({ ...this.#defaults, ...options }));
  }

  /** A further client in this thread, with views of its own. */
  async attach(tango: Tango): Promise<Tango> {
    return this.add(await attach(tango.handle));
  }

  add<T extends Tango>(tango: T): T {
    this.#opened.push(tango);
    return tango;
  }

  /** Those that are attached first. */
  async close(): Promise<void> {
    for (const tango of this.#opened.splice(0).reverse()) await tango.close();
  }
}

/** 'none' when it succeeds; what is no TangoError is thrown. */
export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TangoError) return error.code;
    throw error;
  }
  return 'none';
}

/** As if nobody had decided anything: the next reader has to find out from the log. */
export function forgetVerdicts(tango: Tango): void {
  new BigInt64Array(tango.handle.buffers.verdicts).fill(0n);
}
