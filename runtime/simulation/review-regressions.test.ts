/** What a reading of the whole once found wrong, each as the shortest program that showed it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientActor } from '../../actors/actor-ids.ts';
import { Message, MessageType } from '../../actors/message.ts';
import { NO_FAULTS } from '../../actors/simulation/faults.ts';
import { World } from '../../actors/simulation/world.ts';
import { within } from '../../shared-memory/within.ts';
import { open } from '../open.ts';
import type { Tango } from '../tango.ts';
import { SimulatedLog } from './simulated-log.ts';

const regressions = suite('what reviews found');
const SMALL = { logBytes: 1024 * 1024, entryBytesMax: 4096 };
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

let tango: Tango;
regressions.before.each(async () => {
  tango = await open(SMALL);
});
regressions.after.each(async () => {
  await within(10_000, 'the log to close', tango.close());
});

regressions('a reply to an earlier tenant of the index reaches nobody', () => {
  const log = new SimulatedLog(new World({ seed: 1, faults: NO_FAULTS }));
  const client = log.clients[0];
  let replies = 0;
  const handler = { onReply: () => replies++ };
  const request = new Message();
  log.world.act(clientActor(0), () => {
    request.to = client.map.sequencer;
    request.type = MessageType.SEQUENCER_NEXT;
    request.epoch = client.map.epoch;
    client.request(request, handler);
  });
  const reply = new Message().replyTo(request, MessageType.SEQUENCER_GRANTED, 0);
  reply.tenant = client.incarnation + 1;
  client.receive(reply);
  assert.is(replies, 0);
  reply.tenant = client.incarnation;
  client.receive(reply);
  assert.is(replies, 1);
});

regressions('more operations at once than a mailbox holds all end', async () => {
  const { log } = tango;
  await log.append(bytes('one'));
  const trims = Array.from({ length: 20_000 }, () => log.trimPrefix(1));
  await within(30_000, 'all of them', Promise.all(trims));
  assert.is(tango.stats().busy, 0);
});

regressions('no reader can change an entry for another', async () => {
  const { log } = tango;
  await log.append(bytes('hello'), { streams: [1, 2] });
  for (const stream of [1, 2]) {
    const cursor = log.stream(stream);
    cursor.syncSync();
    const entry = cursor.readnextSync();
    assert.is(entry === undefined ? '' : text(entry.payload), 'hello');
    entry?.payload.fill(0);
  }
});

regressions('a position trimmed alone is passed over by all who iterate', async () => {
  const { log } = tango;
  for (const value of ['a', 'b', 'c']) await log.append(bytes(value), { streams: [1] });
  await log.trim(1);
  for (const streams of [undefined, [1]]) {
    const seen: number[] = [];
    const options = streams === undefined ? {} : { streams };
    for await (const entry of log.entries(options)) seen.push(entry.position);
    assert.equal(seen, [0, 2]);
  }
  const cursor = log.stream(1);
  cursor.syncSync();
  assert.equal([cursor.readnextSync()?.position, cursor.readnextSync()?.position], [0, 2]);
});

regressions('every iterator of one iterable begins anew', async () => {
  const { log } = tango;
  for (const value of ['a', 'b']) await log.append(bytes(value));
  const entries = log.entries();
  for (let round = 0; round < 2; round++) {
    const seen: number[] = [];
    for await (const entry of entries) seen.push(entry.position);
    assert.equal(seen, [0, 1]);
  }
});

regressions('an entry at which a handler throws is the next one again', async () => {
  const { log } = tango;
  for (const value of ['a', 'b']) await log.append(bytes(value), { streams: [1] });
  const cursor = log.stream(1);
  cursor.syncSync();
  const fail = (): void => {
    throw new RangeError('not today');
  };
  assert.throws(() => cursor.playSync(fail), /not today/);
  const seen: number[] = [];
  assert.is(
    cursor.playSync(({ position }) => seen.push(position)),
    2,
  );
  assert.equal(seen, [0, 1]);
  assert.throws(() => cursor.playSync(5 as never), /handler must be a function/);
});

regressions('a cursor may be used from within its own handler', async () => {
  const { log } = tango;
  for (const value of ['a', 'b', 'c']) await log.append(bytes(value), { streams: [1] });
  const cursor = log.stream(1);
  cursor.syncSync();
  const seen: (number | undefined)[] = [];
  cursor.playSync(({ position }) => {
    seen.push(position);
    if (position === 0) seen.push(cursor.readnextSync()?.position);
  });
  assert.equal(seen, [0, 1, 2]);
});

regressions('a live iteration ends when its signal is raised', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const iterator = tango.log.entries({ live: true, signal })[Symbol.asyncIterator]();
  const next = iterator.next();
  controller.abort();
  let code = '';
  await within(
    5000,
    'the iteration to end',
    next.catch((error: { code: string }) => {
      code = error.code;
    }),
  );
  assert.is(code, 'ERR_ABORTED');
});

regressions.run();
