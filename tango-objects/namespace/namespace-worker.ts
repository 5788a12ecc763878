/** For tests: a worker thread that holds ephemeral nodes until something happens to it, or moves a node. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { TangoError } from '../../actors/tango-error.ts';
import type { TangoHandle } from '../../runtime/open.ts';
import { attach } from '../tango.ts';

export interface NamespaceOrder {
  readonly handle: TangoHandle;
  readonly namespaces: readonly [name: string, other: string];
  /**
   * What to do once the nodes are there; or to move `/token` between the two until the log is closed; or to
   * wait for `/go` and do nothing more; or to create and delete ephemeral nodes for ever.
   */
  readonly what: 'hold' | 'close' | 'stall' | 'move' | 'watch' | 'churn';
  readonly stallMs: number;
}

const MOVES_PER_TURN = 10;
/** In which others move. */
const PAUSE_MS = 40;

/** Says its session once it has `/members/w…`, `/held/one` and `/held/two`. */
async function hold({ handle, namespaces, what, stallMs }: NamespaceOrder): Promise<void> {
  const tango = await attach(handle);
  const namespace = await tango.namespace(namespaces[0]);
  const options = { ephemeral: true, sequential: true };
  const path = namespace.createSync('/members/w', undefined, options);
  for (const name of ['one', 'two']) {
    namespace.createSync(`/held/${name}`, name, { ephemeral: true });
  }
  const { session } = namespace;
  parentPort?.postMessage(session);
  if (what === 'hold') return void setInterval(() => {}, 1000);
  if (what === 'close') return tango.close();
  const end = performance.now() + stallMs;
  while (performance.now() < end) {}
  // It does not know yet that its session has ended.
  const late = await codeOf(() => namespace.create('/held/late', 1, { ephemeral: true }));
  const isThere = namespace.exists(path) !== undefined;
  const next = namespace.createSync('/members/w', 1, options);
  const owner = namespace.exists(next)?.ephemeralOwner;
  parentPort?.postMessage({
    late,
    isThere,
    isNew: owner === namespace.session && owner !== session,
  });
  parentPort?.once('message', () => void tango.close());
}

async function move({ handle, namespaces }: NamespaceOrder): Promise<void> {
  const tango = await attach(handle);
  const one = await tango.namespace(namespaces[0]);
  const other = await tango.namespace(namespaces[1]);
  parentPort?.postMessage('ready');
  try {
    for (;;) {
      // Who kills it now kills it in the midst of a move.
      parentPort?.postMessage('moves');
      for (let i = 0; i < MOVES_PER_TURN; i++) {
        // Where the token is may have changed: then there is nothing to move.
        await codeOf(() => one.moveSync('/token', other));
        await codeOf(() => other.moveSync('/token', one));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
  } finally {
    await tango.close();
  }
}

async function watch({ handle, namespaces }: NamespaceOrder): Promise<void> {
  const tango = await attach(handle);
  const namespace = await tango.namespace(namespaces[0]);
  const events = namespace.watch('/go');
  parentPort?.postMessage('waits');
  await events.next();
}

async function churn({ handle, namespaces }: NamespaceOrder): Promise<void> {
  const tango = await attach(handle);
  const namespace = await tango.namespace(namespaces[0]);
  const options = { ephemeral: true, sequential: true };
  for (;;) {
    const created = Array.from({ length: 5 }, () => namespace.create('/members/w', 1, options));
    created.push(...Array.from({ length: 5 }, () => namespace.create('/held/w', 1, options)));
    parentPort?.postMessage('creates');
    const [path] = await Promise.all(created);
    namespace.deleteSync(path);
  }
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'none';
  } catch (error) {
    if (error instanceof TangoError && error.code !== 'ERR_CLOSED') return error.code;
    throw error;
  }
}

if (!isMainThread) {
  const order = workerData as NamespaceOrder;
  if (order.what === 'move') void move(order);
  else if (order.what === 'watch') void watch(order);
  else if (order.what === 'churn') void churn(order);
  else void hold(order);
}
