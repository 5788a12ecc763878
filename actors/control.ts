/**
 * The control plane: comlink RPC on a port of its own (start, stop, stats), never data.
 *
 * comlink alone leaves two gaps: a call to a thread that died never settles, and an error loses
 * its class and code. A call made through connectControl() rejects when the thread exits, and
 * exposeControl() answers with plain data that TangoError.from() turns back.
 */
import type { MessagePort } from 'node:worker_threads';
import { type Endpoint, expose, wrap } from 'comlink';
import nodeAdapter, { type NodeEndpoint } from 'comlink/dist/umd/node-adapter.js';
import { TangoError } from './tango-error.ts';

type Outcome = { readonly value: unknown } | { readonly error: unknown };
type Method = (...args: unknown[]) => unknown;
type Answering = (name: string, args: unknown[]) => Promise<Outcome>;

/** The methods of T as the other side calls them. */
export type Controlled<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

function endpoint(port: MessagePort): Endpoint {
  // The adapter is CommonJS: its default export is the function itself at run time.
  const adapt = nodeAdapter as unknown as (port: NodeEndpoint) => Endpoint;
  return adapt(port as unknown as NodeEndpoint);
}

/** Offers `methods` on `port`. Errors keep class and code on the way. */
export function exposeControl<T extends object>(methods: T, port: MessagePort): void {
  const answer: Answering = async (name, args) => {
    try {
      const method = (methods as Record<string, Method>)[name];
      if (typeof method !== 'function') {
        throw new TangoError('ERR_UNSUPPORTED', `the control port knows the call: name=${name}`);
      }
      return { value: await method.apply(methods, args) };
    } catch (error) {
      return { error: TangoError.from(error).toJSON() };
    }
  };
  expose(answer, endpoint(port));
}

/**
 * Calls the methods offered on the other end of `port`. A call rejects with the TangoError thrown
 * there, or with ERR_ACTOR_EXITED once `exited` settles (the TangoError it settles with, if any).
 */
export function connectControl<T extends object>(
  port: MessagePort,
  who: string,
  exited: Promise<unknown>,
): Controlled<T> {
  const remote = wrap<Answering>(endpoint(port));
  // One list, not a promise to race with: that would keep every result for as long as the thread.
  const underWay = new Set<(error: TangoError) => void>();
  let gone: TangoError | undefined;
  exited.then((why) => {
    const text = `the thread has exited: thread=${who}`;
    gone = why instanceof TangoError ? why : new TangoError('ERR_ACTOR_EXITED', text);
    for (const reject of underWay) reject(gone);
  });
  // Only a call under way keeps the calling thread alive.
  port.unref();
  const callRemote = async (name: string, args: unknown[]): Promise<unknown> => {
    if (gone !== undefined) throw gone;
    let stop: (error: TangoError) => void = () => {};
    const answered = new Promise<Outcome>((resolve, reject) => {
      stop = reject;
      const failed = (cause: unknown): void => {
        const text = `what crosses the control port is cloneable: name=${name}`;
        reject(new TangoError('ERR_INVALID_ARGUMENT', text, { cause }));
      };
      if (underWay.size === 0) port.ref();
      underWay.add(stop);
      remote(name, args).then((outcome) => resolve(outcome as Outcome), failed);
    });
    try {
      const outcome = await answered;
      if ('error' in outcome) throw TangoError.from(outcome.error);
      return outcome.value;
    } finally {
      underWay.delete(stop);
      if (underWay.size === 0) port.unref();
    }
  };
  return new Proxy({} as Controlled<T>, {
    // A promise that is resolved with this proxy must not take it for a thenable.
    get: (_target, name) =>
      name === 'then' ? undefined : (...args: unknown[]) => callRemote(String(name), args),
  });
}
