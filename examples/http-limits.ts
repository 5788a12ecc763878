/**
 * HTTP servers in worker threads that count together and keep a limit together: of the requests of a client
 * in a window of time exactly so many are let through, whichever thread they come to.
 */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attach, open, type TangoHandle } from '../index.ts';

const SERVERS = 3;
const REQUESTS = 200;
const LIMIT = 25;
const WINDOW_MS = 3_600_000;

async function serve(handle: TangoHandle): Promise<void> {
  const tango = await attach(handle);
  const hits = await tango.counter('hits');
  const windows = await tango.map<string, number>('requests by client and window');
  const server = createServer(async (request, response) => {
    // Blind: counting conflicts with nobody.
    const counted = hits.increase();
    const window = Math.floor(Date.now() / WINDOW_MS);
    const key = `${request.headers['x-client']} ${window}`;
    const isAllowed = tango.transactSync(() => {
      const used = windows.get(key) ?? 0;
      if (used < LIMIT) windows.setSync(key, used + 1);
      return used < LIMIT;
    });
    await counted;
    response.writeHead(isAllowed ? 200 : 429).end();
  });
  server.listen(0, '127.0.0.1', () => {
    parentPort?.postMessage((server.address() as AddressInfo).port);
  });
  parentPort?.once('message', async () => {
    server.close();
    server.closeAllConnections();
    await tango.close();
    parentPort?.close();
  });
}

async function main(): Promise<void> {
  await using tango = await open();
  const hits = await tango.counter('hits');
  const workers = Array.from(
    { length: SERVERS },
    () => new Worker(new URL(import.meta.url), { workerData: tango.handle }),
  );
  const ports = await Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as number),
  );
  const statuses = await Promise.all(
    Array.from({ length: REQUESTS }, (_, i) => statusOf(ports[i % SERVERS], `client ${i % 4}`)),
  );
  const allowed = statuses.filter((status) => status === 200).length;
  console.log(`${hits.value} requests to ${SERVERS} servers, counted together`);
  console.log(`${allowed} let through: 4 clients with a limit of ${LIMIT}`);
  const ends = workers.map((worker) => once(worker, 'exit'));
  for (const worker of workers) worker.postMessage('close');
  await Promise.all(ends);
}

async function statusOf(port: number, client: string): Promise<number | undefined> {
  const request = get({ host: '127.0.0.1', port, headers: { 'x-client': client } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

if (isMainThread) void main();
else void serve(workerData as TangoHandle);
