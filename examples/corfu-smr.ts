/**
 * State machine replication on the log alone (CORFU, NSDI 2012, section 4.2): propose is an append, execute
 * is to play. Every replica executes the same commands in the same order, and so is the same.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import { attach, open, type Position, type SharedLog, type TangoHandle } from '../index.ts';

const REPLICAS = 3;
const COMMANDS = 500;

/** A machine that depends on the order of its commands: a stack calculator. */
class Machine {
  readonly #stack: number[] = [];
  executed = 0;

  execute(command: string): number {
    const [a = 0, b = 0] = this.#stack.slice(-2);
    if (command === 'add') this.#stack.push(a + b);
    else if (command === 'multiply') this.#stack.push((a * b) % 1_000_003);
    else this.#stack.push(Number(command));
    this.executed++;
    return this.#stack.at(-1) ?? 0;
  }

  digest(): string {
    return createHash('sha256').update(this.#stack.join()).digest('hex').slice(0, 12);
  }
}

class Replica {
  readonly machine = new Machine();
  readonly #log: SharedLog;
  #next: Position = 0;

  constructor(log: SharedLog) {
    this.#log = log;
  }

  /** Resolves to what the command gives at its place in the log: in every replica the same. */
  async propose(command: string): Promise<number | undefined> {
    const position = await this.#log.append(Buffer.from(command));
    let result: number | undefined;
    await this.play((at, value) => {
      if (at === position) result = value;
    });
    return result;
  }

  /** Executes what is new. */
  async play(told: (position: Position, result: number) => void = () => {}): Promise<void> {
    for await (const { position, payload } of this.#log.entries({ from: this.#next })) {
      this.#next = position + 1;
      told(position, this.machine.execute(Buffer.from(payload).toString()));
    }
  }
}

async function replicate(handle: TangoHandle): Promise<void> {
  await using tango = await attach(handle);
  const replica = new Replica(tango.log);
  for (let i = 0; i < COMMANDS; i++) {
    const command = i % 3 === 0 ? String(i + threadId) : i % 3 === 1 ? 'add' : 'multiply';
    await replica.propose(command);
  }
  parentPort?.postMessage('proposed');
  await once(parentPort as NonNullable<typeof parentPort>, 'message');
  await replica.play();
  const { machine } = replica;
  parentPort?.postMessage([machine.executed, machine.digest()]);
}

async function main(): Promise<void> {
  await using tango = await open();
  const workers = Array.from(
    { length: REPLICAS },
    () => new Worker(new URL(import.meta.url), { workerData: tango.handle }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const states = await Promise.all(
    workers.map(async (worker) => {
      worker.postMessage('all have proposed');
      return (await once(worker, 'message'))[0] as [number, string];
    }),
  );
  const digests = new Set(states.map(([, digest]) => digest));
  console.log(`${REPLICAS} replicas executed ${states.map(([executed]) => executed).join(', ')}`);
  console.log(`${digests.size === 1 ? 'all in the same state' : 'in different states!'}`);
}

if (isMainThread) void main();
else void replicate(workerData as TangoHandle);
