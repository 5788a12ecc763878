/** The same by asking the thread that has the objects: a message there and one back. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Call, Calls, ObjectClient } from './object-client.ts';
import type { OwnedOperation } from './owned-objects.ts';

export type Question = readonly [id: number, operation: OwnedOperation, number: number];
export type Answer = readonly [id: number, value: unknown];

const WORKER = new URL(`./owner-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/** Answered by the message alone. */
const ASKED = [
  'set: add, delete',
  'set: has',
  'list: append',
  'list: at',
  'queue: push, shift',
  'queue: push',
  'queue: take',
  'sorted map: set',
  'sorted map: range',
  'counter: add',
  'register: set',
  'register: get',
  'fill',
  'clear list',
] as const satisfies readonly OwnedOperation[];

/** Whoever asks has a port to the owner. */
export class Owner implements AsyncDisposable {
  readonly #worker = new Worker(WORKER);

  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#worker.postMessage(port1, [port1]);
    return port2;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

export class OwnerClient implements ObjectClient {
  /** Nobody can wait for a message without giving up its turn. */
  readonly blocking: Calls = {};
  readonly awaited: Calls;
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #asked = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    const calls = ASKED.map((operation): [string, Call] => [
      operation,
      (number) => this.#ask(operation, number),
    ]);
    this.awaited = {
      ...(Object.fromEntries(calls) as Calls),
      'lock: acquire, release': async () => {
        await this.#ask('acquire', 0);
        await this.#ask('release', 0);
      },
    };
    port.on('message', ([id, value]: Answer) => {
      this.#waiting.get(id)?.(value);
      this.#waiting.delete(id);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#port.close();
  }

  #ask(operation: OwnedOperation, number: number): Promise<unknown> {
    const id = this.#asked++;
    this.#port.postMessage([id, operation, number] satisfies Question);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
