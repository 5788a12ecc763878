import { connect, createServer, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { newAddress, readLine } from './local-socket.ts';

const DEADLINE_MS = 5000;

const localSocket = suite('local socket');

const servers: Server[] = [];

/** The two ends of a connection. */
async function pair(): Promise<{ speaker: Socket; listener: Socket }> {
  const { path } = newAddress();
  const server = createServer();
  servers.push(server);
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const speaker = connect(path);
  speaker.on('error', () => {});
  const listener = await within(DEADLINE_MS, 'a connection', accepted);
  listener.on('error', () => {});
  return { speaker, listener };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

localSocket.after.each(() => {
  for (const server of servers.splice(0)) server.close();
});

localSocket('has an address of its own each time, and a secret', () => {
  const addresses = Array.from({ length: 100 }, newAddress);
  assert.is(new Set(addresses.map(({ path }) => path)).size, 100);
  assert.is(new Set(addresses.map(({ secret }) => secret)).size, 100);
  for (const { path, secret } of addresses) {
    assert.not(path.includes(secret), 'who knows the path does not know the secret');
    assert.not(secret.includes('\n'));
  }
  assert.equal(structuredClone(addresses[0]), addresses[0]);
});

localSocket('leaves nothing in the file system where the system has abstract names', () => {
  if (process.platform === 'linux') assert.is(newAddress().path[0], '\0');
});

localSocket('reads one line, in whatever pieces it comes, and nothing after it', async () => {
  for (const pieces of [['hello\n'], ['he', 'llo', '\n'], ['hello\nand', ' more\nlines\n']]) {
    const { speaker, listener } = await pair();
    const lines: string[] = [];
    readLine(listener, (line) => lines.push(line));
    for (const piece of pieces) {
      speaker.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until('a line', () => lines.length > 0);
    listener.resume();
    speaker.end('last\n');
    await new Promise<void>((resolve) => listener.once('close', () => resolve()));
    assert.equal(lines, ['hello']);
  }
});

localSocket('reads an empty line, and no line at all from who ends before', async () => {
  const { speaker, listener } = await pair();
  const lines: string[] = [];
  readLine(listener, (line) => lines.push(line));
  speaker.write('\n');
  await until('a line', () => lines.length > 0);
  assert.equal(lines, ['']);
  speaker.destroy();
  const other = await pair();
  readLine(other.listener, (line) => lines.push(line));
  other.speaker.end('half a line');
  await new Promise<void>((resolve) => other.listener.once('close', () => resolve()));
  assert.equal(lines, ['']);
});

localSocket('cuts off who never ends its line', async () => {
  const { speaker, listener } = await pair();
  const lines: string[] = [];
  readLine(listener, (line) => lines.push(line));
  const cut = new Promise<void>((resolve) => listener.once('close', () => resolve()));
  for (let i = 0; i < 5; i++) speaker.write('x'.repeat(1000));
  await within(DEADLINE_MS, 'the end of the connection', cut);
  assert.equal(lines, []);
});

localSocket.run();
