/** What a reading of the whole once found wrong, each as the shortest program that showed it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientActor } from '../../actors/actor-ids.ts';
import { Message, MessageType } from '../../actors/message.ts';
import { NO_FAULTS } from '../../actors/simulation/faults.ts';
import { World } from '../../actors/simulation/world.ts';
import { within } from '../../shared-memory/within.ts';
import { completePosition, fillPosition, trimPrefix } from '../chain.ts';
import { open } from '../open.ts';
import { reconfigure } from '../reconfigure.ts';
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

regressions('who completes a value while its head leaves the chain begins again', () => {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  const log = new SimulatedLog(world, {
    ...{ replicas: 2, clients: 3, links: ['direct'], isPaced: () => false },
  });
  log.appended(0, 'a');
  const [head, below] = log.map().chainOf(0);
  // Its writer stands still when the head has it.
  const { slots } = log.clients[2].memory.unit(below);
  const standStill = (): never => {
    throw new Error('stands still');
  };
  slots.tryWrite = standStill;
  slots.tryWriteGranted = standStill;
  assert.throws(() => log.append(2, 'b'));
  const [atHead, atTail] = log.at(1);
  assert.match(atHead, /:b$/);
  assert.is(atTail, 'unwritten');
  // Has sealed, and waits for those who were in flight before.
  const change = log.run(1, (client) =>
    reconfigure(client, ({ map }) => (map.epoch === 1 ? { lost: new Set([head]) } : undefined)),
  );
  const filler = log.clients[0];
  const { locate } = filler.memory;
  let isLate = false;
  filler.memory.locate = (...place) => {
    const found = locate.apply(filler.memory, place);
    if (isLate || place[2] !== 1) return found;
    isLate = true;
    // It is not waited for, and has seen the value at the head.
    world.run({ until: () => change.outcome !== undefined });
    log.ran(1, (client) => fillPosition(client, 1));
    assert.equal(log.at(1), ['junk']);
    return found;
  };
  log.threadOf(0).flight.enter();
  const ended = fillPosition(filler, 1).next();
  assert.equal([isLate, ended], [true, { value: { kind: 'junk', position: 1 }, done: true }]);
});

regressions('a position that was trimmed, and lost, is trimmed for who learns of it late', () => {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  const log = new SimulatedLog(world, { replicas: 1, clients: 2, spares: 1 });
  for (const value of ['a', 'b', 'c']) log.appended(0, value);
  const late = log.clients[1];
  const [unit] = late.map.chainOf(0);
  log.ran(0, (client) => trimPrefix(client, 3));
  log.ran(0, (client) =>
    reconfigure(client, ({ map }) => (map.epoch === 1 ? { lost: new Set([unit]) } : undefined)),
  );
  assert.equal(late.map.chainOf(1), [unit]);
  assert.equal(
    log.ran(1, (client) => fillPosition(client, 1)),
    { kind: 'trimmed', position: 1 },
  );
  assert.is(
    log.ran(1, (client) => completePosition(client, 1)),
    undefined,
  );
});

regressions.run();
