import { connect, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flight } from '../shared-memory/flight.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { within } from '../shared-memory/within.ts';
import { sequencerActor } from './actor-ids.ts';
import type { SocketAddress } from './local-socket.ts';
import { allocateLog, LogMemory } from './log-memory.ts';
import { firstProjection } from './projection.ts';
import { Attachment, Registrar } from './registrar.ts';
import { TangoError } from './tango-error.ts';

const DEADLINE_MS = 5000;
const SIZES = {
  storageUnits: 2,
  spareUnits: 0,
  replicas: 2,
  logBytes: 64 * 1024,
  entryBytesMax: 64,
  backpointers: 4,
  actorThreads: 1,
  attachMax: 4,
};
/** Index 0 is the actors'. */
const OWNER = 1;
const FIRST = 2;
const INDEXES = 3;

const registering = suite('registrar');

const registrars: Registrar[] = [];
const sockets: Socket[] = [];
const workers: Worker[] = [];

async function listen(): Promise<{ memory: LogMemory; registrar: Registrar }> {
  const memory = new LogMemory(allocateLog(SIZES, { streamsMax: 64 }));
  memory.layoutStore.propose(firstProjection(2, 2, sequencerActor(0)));
  const registrar = await Registrar.listen(memory, new Flight(memory.threads, OWNER), FIRST);
  registrars.push(registrar);
  return { memory, registrar };
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A client that says what it likes, and what it heard until the end. */
function dial(address: SocketAddress, ...says: (string | Buffer)[]) {
  const socket = connect(address.path);
  sockets.push(socket);
  let heard = '';
  socket.on('data', (data) => {
    heard += data.toString();
  });
  socket.on('error', () => {});
  for (const one of says) socket.write(one);
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(heard)));
  return { socket, ended, heard: () => heard };
}

function register(address: SocketAddress, onClosed = (): void => {}): Promise<Attachment> {
  return soon('a registration', Attachment.register(address, onClosed));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof TangoError ? error.code : `not a TangoError: ${error}`;
  }
}

registering.after.each(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const worker of workers.splice(0)) await worker.terminate();
  for (const registrar of registrars.splice(0)) await soon('a registrar', registrar.close());
});

registering('gives each thread an index and an incarnation of its own', async () => {
  const { memory, registrar } = await listen();
  const held = await Promise.all([1, 2, 3].map(() => register(registrar.address)));
  const indexes = held.map(({ registration }) => registration.thread);
  assert.equal(indexes.toSorted(), [FIRST, FIRST + 1, FIRST + 2]);
  assert.is(new Set(held.map(({ registration }) => registration.incarnation)).size, INDEXES);
  for (const { registration } of held) {
    assert.is(memory.threads.state(registration.thread), ThreadState.ALIVE);
    assert.is(memory.threads.incarnation(registration.thread), registration.incarnation);
  }
  assert.is(registrar.attached, INDEXES);
  assert.is(await codeOf(register(registrar.address)), 'ERR_TOO_MANY_THREADS');
  assert.is(registrar.attached, INDEXES);
  await held[1].leave();
  await until('the index is free', () => registrar.attached === INDEXES - 1);
  assert.is(memory.threads.state(held[1].registration.thread), ThreadState.FREE);
  const next = await register(registrar.address);
  assert.is(next.registration.thread, held[1].registration.thread);
  assert.is.not(next.registration.incarnation, held[1].registration.incarnation);
});

registering('takes back index and chunks of a thread that leaves, and of no other', async () => {
  const { memory, registrar } = await listen();
  const [leaver, stayer] = [await register(registrar.address), await register(registrar.address)];
  const { chunks } = memory.unit(1);
  const free = chunks.freeCount();
  const left = chunks.lease(leaver.registration.incarnation, 64, false);
  chunks.lease(stayer.registration.incarnation, 64, false, left + 1);
  assert.is(chunks.freeCount(), free - 2);
  await leaver.leave();
  await leaver.leave();
  await until('the index is free', () => registrar.attached === 1);
  assert.is(chunks.freeCount(), free - 1, 'only the chunk of the thread that left is free again');
  assert.is(memory.threads.state(stayer.registration.thread), ThreadState.ALIVE);
});

registering('takes back the index of a thread that is terminated', async () => {
  const { memory, registrar } = await listen();
  const script = `
    const { connect } = require('node:net');
    const { parentPort, workerData } = require('node:worker_threads');
    const socket = connect(workerData.path, () => socket.write(workerData.secret + '\\n'));
    socket.once('data', (data) => {
      parentPort.postMessage(JSON.parse(data));
      // Busy for ever: it can only be ended from outside.
      setImmediate(() => { for (;;); });
    });`;
  const worker = new Worker(script, { eval: true, workerData: registrar.address });
  workers.push(worker);
  const [{ thread }] = await soon(
    'its index',
    new Promise<[{ thread: number }]>((resolve) =>
      worker.once('message', (value) => resolve([value])),
    ),
  );
  assert.is(memory.threads.state(thread), ThreadState.ALIVE);
  await worker.terminate();
  await until('the index is free', () => registrar.attached === 0);
  assert.is(memory.threads.state(thread), ThreadState.FREE);
});

registering('refuses a wrong secret and gives nothing for it', async () => {
  const { memory, registrar } = await listen();
  const { path, secret } = registrar.address;
  for (const wrong of ['', secret.slice(1), `${secret} `, secret.toUpperCase(), '{}']) {
    const code = await codeOf(register({ path, secret: wrong }));
    assert.is(code, 'ERR_INVALID_ARGUMENT', JSON.stringify(wrong));
  }
  assert.is(registrar.attached, 0);
  for (let thread = FIRST; thread < FIRST + INDEXES; thread++) {
    assert.is(memory.threads.state(thread), ThreadState.FREE);
  }
});

registering('survives whatever is said to its socket', async () => {
  const { registrar } = await listen();
  const { secret } = registrar.address;
  const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i % 10 === 9 ? 11 : i)));
  for (const said of [noise, Buffer.alloc(5000), '\n', '\0\0\n', `GET / HTTP/1.1\r\n\r\n`]) {
    const { ended, socket } = dial(registrar.address, said);
    const heard = await soon('the end of garbage', ended);
    assert.not.match(heard, 'thread"');
    assert.ok(socket.destroyed);
  }
  dial(registrar.address, secret).socket.end();
  dial(registrar.address).socket.destroy();
  // The secret in pieces is the secret; what follows its line is ignored.
  const pieces = dial(registrar.address, secret.slice(0, 7));
  await new Promise((resolve) => setTimeout(resolve, 5));
  pieces.socket.write(`${secret.slice(7)}\nand more\nand more`);
  await until('an index', () => pieces.heard().includes('\n'));
  assert.type(JSON.parse(pieces.heard()).thread, 'number');
  pieces.socket.write(noise);
  await until('only this one is attached', () => registrar.attached === 1);
  pieces.socket.destroy();
  await until('nobody is attached', () => registrar.attached === 0);
  assert.is((await register(registrar.address)).registration.thread, FIRST);
});

registering('tells attached threads when it closes', async () => {
  const { registrar } = await listen();
  let told = 0;
  const first = await register(registrar.address, () => told++);
  const second = await register(registrar.address, () => told++);
  await first.leave();
  await soon('the registrar closing', registrar.close());
  await until('the other is told', () => told === 1);
  await second.leave();
  assert.is(told, 1, 'who has left is not told');
  assert.is(await codeOf(register(registrar.address)), 'ERR_CLOSED');
});

registering('closes although strangers hold connections open', async () => {
  const { registrar } = await listen();
  const strangers = [
    dial(registrar.address),
    dial(registrar.address, 'half a line'),
    dial(registrar.address, 'wrong\n'),
  ];
  const attached = await register(registrar.address);
  await soon('the registrar closing', registrar.close());
  for (const { ended } of strangers) await soon('the end of a stranger', ended);
  await attached.leave();
});

registering('closes in the middle of handshakes', async () => {
  for (let round = 0; round < 30; round++) {
    const { memory, registrar } = await listen();
    const racing = [1, 2].map(() => Attachment.register(registrar.address, () => {}));
    for (let i = 0; i < round % 8; i++) await new Promise((resolve) => setImmediate(resolve));
    await soon('the registrar closing', registrar.close());
    for (const one of await soon('the handshakes', Promise.allSettled(racing))) {
      if (one.status === 'fulfilled') await one.value.leave();
      else assert.is((one.reason as TangoError).code, 'ERR_CLOSED');
    }
    assert.is(registrar.attached, 0);
    for (let thread = FIRST; thread < FIRST + INDEXES; thread++) {
      assert.is(memory.threads.state(thread), ThreadState.FREE);
    }
  }
});

registering('rejects when somebody else answers', async () => {
  const path = `\0tangolog-test-${process.pid}`;
  for (const answer of ['no JSON\n', '', 'x'.repeat(10_000)]) {
    const server: Server = createServer((socket) => socket.resume().end(answer));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const code = await codeOf(register({ path, secret: 'x' }));
    assert.is(code, 'ERR_CLOSED');
    await new Promise((resolve) => server.close(resolve));
  }
});

registering.run();
