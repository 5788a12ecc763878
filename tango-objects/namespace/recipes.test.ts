/** ZooKeeper's recipes, made of public calls alone: leader, lock, barrier, membership, queue, counter. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../../actors/tango-error.ts';
import { within } from '../../shared-memory/within.ts';
import { OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { TangoNamespace } from './tango-namespace.ts';

const DEADLINE_MS = 20_000;
const BOTH = { ephemeral: true, sequential: true };
const logs = new OpenedLogs({ logBytes: 2 ** 20, attachMax: 8 });
const recipes = suite('recipes');

recipes.after.each(() => logs.close());

interface Client {
  readonly tango: Tango;
  readonly namespace: TangoNamespace;
}

/** Clients of one log, each with a session, and a node for the recipe. */
async function clients(count: number, path: string): Promise<Client[]> {
  const all: Client[] = [];
  for (let i = 0; i < count; i++) {
    const tango = i === 0 ? await logs.open() : await logs.attach(all[0].tango);
    all.push({ tango, namespace: await tango.namespace('zk') });
  }
  await all[0].namespace.create(path);
  return all;
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

/** Resolves once no node is in front of `own`: each waits for the one before it alone, not in a herd. */
async function firstInLine(namespace: TangoNamespace, line: string, own: string): Promise<void> {
  for (;;) {
    const names = namespace.children(line);
    const place = names.indexOf(own.slice(line.length + 1));
    if (place < 0) throw new Error(`the session has ended: ${own}`);
    if (place === 0) return;
    const before = `${line}/${names[place - 1]}`;
    if (namespace.exists(before) !== undefined) await namespace.watchOnce(before, 'exists');
  }
}

recipes('leader election: the first in line leads, and the next one when it is gone', async () => {
  const all = await clients(3, '/election');
  const leaders: number[] = [];
  const led = all.map(async ({ namespace }, i) => {
    const own = namespace.createSync('/election/n-', i, BOTH);
    await firstInLine(namespace, '/election', own);
    leaders.push(i);
    return own;
  });
  await soon('the first leads', led[0]);
  assert.equal(leaders, [0]);
  const seen = all[2].namespace.get(`/election/${all[2].namespace.children('/election')[0]}`);
  assert.equal([seen.data, seen.stat.ephemeralOwner], [0, all[0].namespace.session]);
  all[0].namespace.deleteSync(await led[0]);
  await soon('the second leads', led[1]);
  await all[1].tango.close();
  await soon('the third leads', led[2]);
  assert.equal(leaders, [0, 1, 2]);
});

recipes('lock: one at a time, in order, whoever lets go how', async () => {
  const all = await clients(3, '/lock');
  let holders = 0;
  const order: number[] = [];
  const locked = async ({ namespace }: Client, i: number): Promise<void> => {
    const own = namespace.createSync('/lock/n-', i, BOTH);
    await firstInLine(namespace, '/lock', own);
    assert.is(++holders, 1);
    order.push(i);
    await new Promise((resolve) => setImmediate(resolve));
    holders--;
    await namespace.delete(own);
  };
  const rounds = Array.from({ length: 9 }, (_, i) => locked(all[i % 3], i));
  await soon('all had it', Promise.all(rounds));
  assert.equal(order, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(all[0].namespace.children('/lock'), []);
});

recipes(
  'double barrier: all are in before any begins, all are done before any leaves',
  async () => {
    const COUNT = 3;
    const all = await clients(COUNT, '/barrier');
    const events: string[] = [];
    const round = async ({ namespace }: Client, i: number): Promise<void> => {
      const own = await namespace.create(`/barrier/${i}`, undefined, { ephemeral: true });
      // Who comes last opens it for all: those who are done early leave before others have looked.
      if (namespace.children('/barrier').length === COUNT)
        await namespace.create('/ready').catch(() => {});
      if (namespace.exists('/ready') === undefined) await namespace.watchOnce('/ready', 'exists');
      events.push('begins');
      await new Promise((resolve) => setImmediate(resolve));
      events.push('ends');
      await namespace.delete(own);
      while (namespace.children('/barrier').length > 0) {
        await namespace.watchOnce('/barrier', 'children');
      }
      events.push('leaves');
    };
    await soon('the barrier opens', Promise.all(all.map(round)));
    assert.is(events.lastIndexOf('ends') < events.indexOf('leaves'), true, events.join(' '));
    assert.is(events.filter((one) => one === 'begins').length, COUNT);
  },
);

recipes('group membership: who is there, told as they come and go', async () => {
  const all = await clients(3, '/group');
  const seen: string[] = [];
  const follow = async (): Promise<void> => {
    const { namespace } = all[0];
    for await (const { type, path } of namespace.watch('/group', { recursive: true })) {
      seen.push(`${type} ${path}`);
      if (type === 'deleted') return;
    }
  };
  const following = follow();
  for (const [i, { namespace }] of all.slice(1).entries()) {
    await namespace.create(`/group/m${i}`, { port: i }, { ephemeral: true });
  }
  const members = all[0].namespace.children('/group');
  assert.equal(
    members.map((name) => all[0].namespace.get(`/group/${name}`).data),
    [{ port: 0 }, { port: 1 }],
  );
  await all[2].tango.close();
  await soon('one has left', following);
  assert.equal(seen, ['created /group/m0', 'created /group/m1', 'deleted /group/m1']);
  assert.equal(all[1].namespace.children('/group'), ['m0']);
});

recipes('queue: each element is taken once, in order', async () => {
  const all = await clients(3, '/queue');
  const COUNT = 12;
  const taken: unknown[] = [];
  const take = async ({ namespace }: Client): Promise<void> => {
    while (taken.length < COUNT) {
      const [name] = namespace.children('/queue');
      if (name === undefined) return;
      const { data } = namespace.get(`/queue/${name}`);
      // Another one may have been faster.
      if (await isDone(() => namespace.delete(`/queue/${name}`))) taken.push(data);
    }
  };
  const puts = Array.from({ length: COUNT }, (_, i) =>
    all[0].namespace.create('/queue/', i, { sequential: true }),
  );
  await Promise.all(puts);
  await soon('all are taken', Promise.all(all.map(take)));
  assert.equal(
    [...taken].sort((a, b) => Number(a) - Number(b)),
    Array.from({ length: COUNT }, (_, i) => i),
  );
});

async function isDone(change: () => Promise<unknown>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (error) {
    if (error instanceof TangoError && error.code === 'ERR_NO_NODE') return false;
    throw error;
  }
}

recipes('shared counter and fencing: versions let one of those who compete through', async () => {
  const all = await clients(3, '/counter');
  all[0].namespace.setSync('/counter', 0);
  const add = async ({ namespace }: Client): Promise<void> => {
    for (;;) {
      const { data, stat } = namespace.get('/counter');
      try {
        await namespace.set('/counter', Number(data) + 1, stat.version);
        return;
      } catch (error) {
        if (!(error instanceof TangoError) || error.code !== 'ERR_BAD_VERSION') throw error;
      }
    }
  };
  const adds = Array.from({ length: 5 }, () => all.map(add)).flat();
  await soon('all have added', Promise.all(adds));
  assert.is(all[1].namespace.get('/counter').data, 15);
  // What a leader does holds only as long as it leads.
  const leader = all[1].namespace.createSync('/leader', 1, { ephemeral: true });
  const as = async (client: Client) => {
    await client.namespace.multi([{ check: leader }, { set: '/counter', data: 'led' }]);
  };
  await as(all[1]);
  await all[1].tango.close();
  assert.is(await isDone(() => as(all[2])), false);
  assert.is(all[0].namespace.get('/counter').data, 'led');
});

recipes.run();
