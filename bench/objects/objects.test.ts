import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { open } from '../../index.ts';
import { measurePeers, OURS } from '../stores/store-places.ts';
import type { ObjectClient, Operation } from './object-client.ts';
import { runOrder } from './object-load.ts';
import { type ObjectPlace, OWNER, openObjects } from './object-places.ts';
import { Owner } from './owner-client.ts';

const objects = suite('objects that are measured');

async function checkPlace(place: ObjectPlace): Promise<void> {
  const client = await openObjects(place);
  try {
    await fill(client);
    for (const form of ['blocking', 'awaited'] as const) await checkCalls(client, form);
    for (const window of [0, 1, 8]) await checkQueue(client, window);
  } finally {
    await client[Symbol.asyncDispose]();
  }
}

async function fill(client: ObjectClient): Promise<void> {
  await runOrder(client, { operation: 'fill', ms: 0, window: 1, once: true });
}

/** Each call really does what it is measured as. */
async function checkCalls(client: ObjectClient, form: 'blocking' | 'awaited'): Promise<void> {
  const call = async (operation: Operation, number = 0): Promise<unknown> =>
    client[form][operation]?.(number);
  const has = (operation: Operation): boolean => client[form][operation] !== undefined;
  if (has('set: has')) {
    assert.ok(await call('set: has', 3));
    assert.is(await call('list: at', 3), 3);
    const range = (await call('sorted map: range', 3)) as object[];
    const keys = range.map((entry) => Object.values(entry)[0]);
    assert.equal(keys, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  }
  if (has('counter: add')) {
    await call('register: set', 7);
    assert.is(await call('register: get'), 7);
    const sum = (await call('counter: add')) as number;
    assert.is(await call('counter: add'), sum + 1);
    await call('queue: push', 5);
    await call('queue: push', 6);
    assert.is(await call('queue: take'), 5);
    assert.is(await call('queue: take'), 6);
  }
  if (has('lock: acquire, release')) {
    await call('lock: acquire, release');
    await call('lock: acquire, release');
  }
}

/** What one pushes is taken once, and the consumer ends with the producer. */
async function checkQueue(client: ObjectClient, window: number): Promise<void> {
  const plan = { ms: 2, window };
  assert.is(await runOrder(client, { operation: 'queue: push', ...plan }), 0);
  assert.ok((await runOrder(client, { operation: 'queue: take', ...plan })) > 0);
  assert.is(client.blocking['queue: take']?.(0), undefined);
}

objects('tangolog', async () => {
  const tango = await open({ logBytes: 2 ** 25, link: 'direct' });
  try {
    await checkPlace({ store: OURS, handle: tango.handle });
  } finally {
    await tango.close();
  }
});

objects('a thread that is asked by messages', async () => {
  await using owner = new Owner();
  await checkPlace({ store: OWNER, port: owner.port() });
});

objects('peers that are installed', async () => {
  await measurePeers(checkPlace);
});

objects.run();
