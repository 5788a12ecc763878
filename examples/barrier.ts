/** ZooKeeper's recipes of a double barrier and of group membership, on a namespace. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attach, open, type Tango, type TangoHandle } from '../index.ts';

const THREADS = 4;

/** Everybody enters before anybody goes on, and leaves before anybody does. */
class DoubleBarrier {
  readonly #tango: Tango;
  readonly #path: string;
  readonly #count: number;

  constructor(tango: Tango, path: string, count: number) {
    this.#tango = tango;
    this.#path = path;
    this.#count = count;
  }

  async enter(member: string): Promise<void> {
    const nodes = await this.#tango.namespace('example');
    await nodes.create(`${this.#path}/${member}`, undefined, { ephemeral: true });
    const all = `${this.#path} ready`;
    // Who comes last opens it; who has entered may have left before another one looks.
    await this.#tango.until(() => {
      if (nodes.exists(all) !== undefined) return true;
      return nodes.children(this.#path).length === this.#count ? true : undefined;
    });
    await nodes.create(all).catch(() => {});
  }

  async leave(member: string): Promise<void> {
    const nodes = await this.#tango.namespace('example');
    await nodes.delete(`${this.#path}/${member}`);
    await this.#tango.until(() => (nodes.children(this.#path).length === 0 ? true : undefined));
  }
}

async function take(handle: TangoHandle, name: string): Promise<void> {
  await using tango = await attach(handle);
  const nodes = await tango.namespace('example');
  const steps = await tango.list<string>('steps');
  await nodes.create(`/members/${name}`, undefined, { ephemeral: true });
  const barrier = new DoubleBarrier(tango, '/barrier', THREADS);
  await steps.append('before');
  await barrier.enter(name);
  await steps.append('inside');
  await barrier.leave(name);
  await steps.append('after');
  parentPort?.postMessage('done');
  // The node at /members ends with this thread, however it ends.
  await once(parentPort as NonNullable<typeof parentPort>, 'message');
}

async function main(): Promise<void> {
  await using tango = await open();
  const nodes = await tango.namespace('example');
  const steps = await tango.list<string>('steps');
  await nodes.create('/members');
  await nodes.create('/barrier');
  const workers = Array.from(
    { length: THREADS },
    (_, i) =>
      new Worker(new URL(import.meta.url), { workerData: [tango.handle, `member-${i + 1}`] }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const order = [...steps].join(' ');
  const phases = ['before', 'inside', 'after'].map((step) => Array(THREADS).fill(step).join(' '));
  console.log(`everybody before, inside, after: ${order === phases.join(' ')}`);
  console.log(`members: ${nodes.children('/members').join(' ')}`);

  await workers[0].terminate();
  await tango.until(() => (nodes.children('/members').length < THREADS ? true : undefined));
  console.log(`one was killed: ${nodes.children('/members').join(' ')}`);

  const ends = workers.slice(1).map((worker) => once(worker, 'exit'));
  for (const worker of workers) worker.postMessage('leave');
  await Promise.all(ends);
}

if (isMainThread) void main();
else {
  const [handle, name] = workerData as [TangoHandle, string];
  void take(handle, name);
}
