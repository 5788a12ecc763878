/** Local sockets of one log: where they are, and how a peer introduces itself, in one line. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Structured-cloneable: where somebody listens, and what a thread says first. */
export interface SocketAddress {
  readonly path: string;
  readonly secret: string;
}

const LINE_BYTES_MAX = 4096;

/** An address that nobody listens at yet. */
export function newAddress(): SocketAddress {
  return { path: socketPath(), secret: randomUUID() };
}

/** Abstract where the system has it: nothing is left in the file system. */
function socketPath(): string {
  const name = `tangolog-${process.pid}-${randomUUID()}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

/** Calls `onLine` once, with the first line; a peer that sends too much of it is cut off. */
export function readLine(socket: Socket, onLine: (line: string) => void): void {
  let text = '';
  const onData = (data: Buffer): void => {
    text += data.toString('utf8');
    const end = text.indexOf('\n');
    if (end < 0 && text.length < LINE_BYTES_MAX) return;
    socket.off('data', onData);
    if (end < 0) socket.destroy();
    else onLine(text.slice(0, end));
  };
  socket.on('data', onData);
}
