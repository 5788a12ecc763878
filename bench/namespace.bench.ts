/**
 * How many calls a second namespaces take, as TangoZK's (Tango, section 6.3), beside ZooKeeper.
 *
 *   thread 0 ── create, set, get, exists, children, multi ──▶ a namespace of its own
 *   thread 1 ── the same ──▶ another one                      and a node that is moved between two
 *
 * The paper: some 200,000 transactions a second of 18 clients with independent namespaces, some
 * 20,000 moves. A server of ZooKeeper 3.8 is started for it, in memory and without syncing, where
 * there is one; its threads are sessions, with as many requests under way. Calls that block stand
 * beside one awaited at a time.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment, Report, Result } from './harness/experiment.ts';
import { latencySpread, type Rate, type Rounds, rateResult } from './harness/measure.ts';
import { measureThreads, RoundThreads } from './harness/round-threads.ts';
import { NODE_CALLS, type NodeCall, type NodeClient } from './namespaces/node-client.ts';
import { type NodeOrder, type NodePlace, openNodes, ZOOKEEPER } from './namespaces/node-places.ts';
import { findZooKeeper, ZooKeeperServer } from './namespaces/zookeeper-server.ts';
import { OURS } from './stores/store-places.ts';

const WORKER = new URL(
  `./namespaces/node-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const BLOCKING = 0;
const MOVE = 'move';
const CHANGED = 'set to watch event';

const parameters = {
  logMib: { quick: 32, full: 256 },
  threads: { quick: [1, 2], full: [1, 2] },
  windows: { quick: [0, 64], full: [0, 1, 64] },
  roundMs: { quick: 3, full: 200 },
  events: { quick: 5, full: 1000 },
  /** A server on a young virtual machine is slow. */
  zookeeperWarmUpMs: { quick: 0, full: 5000 },
  warmUp: { quick: 0, full: 1 },
  rounds: { quick: 1, full: 3 },
} as const;

interface Plan extends Rounds {
  readonly threads: readonly number[];
  readonly windows: readonly number[];
  readonly roundMs: number;
  readonly events: number;
}

interface Measurement {
  readonly call: NodeCall;
  readonly labels: Result['parameters'];
  readonly rate: Rate;
}

interface Measured {
  /** By call, threads and window. */
  readonly calls: ReadonlyMap<string, Measurement>;
  /** Nanoseconds each. */
  readonly events: readonly number[];
}

export const experiment: Experiment<typeof parameters> = {
  name: 'namespace',
  title: 'Namespaces, moves between them, watches',
  description: 'TangoZK: calls of 1 and 2 threads, moves, watch events, beside ZooKeeper 3.8.',
  parameters,
  async run(values, report) {
    const ours = await measureOurs(values);
    const theirs = await measureZooKeeper(values, report);
    for (const [key, { call, labels, rate }] of ours.calls) {
      const result = rateResult(call, 'calls/s', rate, labels);
      const peer = theirs?.calls.get(key);
      report.add(
        peer === undefined ? result : { ...result, peers: { zookeeper: peer.rate.median } },
      );
    }
    report.add(eventsResult(ours, theirs));
    report.note(
      'The paper, 18 clients: some 200,000 transactions/s in independent namespaces, ' +
        'some 20,000 atomic moves/s between two (Tango, section 6.3). ZooKeeper has no such move.',
    );
  },
};

function eventsResult({ events }: Measured, theirs: Measured | undefined): Result {
  const result = latencySpread(CHANGED, events, { threads: 2 });
  if (theirs === undefined) return result;
  return { ...result, peers: { zookeeper: latencySpread(CHANGED, theirs.events, {}).value } };
}

async function measureOurs(values: Plan & { readonly logMib: number }): Promise<Measured> {
  await using tango = await open({ logBytes: values.logMib * MIB, link: 'direct' });
  return await measureAt({ store: OURS, handle: tango.handle }, values, [...NODE_CALLS, MOVE]);
}

async function measureZooKeeper(
  values: Plan & { readonly zookeeperWarmUpMs: number },
  report: Report,
): Promise<Measured | undefined> {
  const found = findZooKeeper();
  if ('missing' in found) {
    report.note(
      `Not beside ZooKeeper: ${found.missing}. bench/peers/zookeeper.sh and npm ci --prefix ` +
        'bench/peers bring both; TANGOLOG_ZOOKEEPER names a folder of its jars.',
    );
    return undefined;
  }
  report.note(
    `ZooKeeper from ${found.jars}, one server in memory that syncs nothing, with a client in each thread.`,
  );
  await using server = await ZooKeeperServer.start(found.jars);
  const where = { store: ZOOKEEPER, port: server.port } as const;
  return await measureAt(where, values, NODE_CALLS, values.zookeeperWarmUpMs);
}

async function measureAt(
  where: NodePlace['where'],
  plan: Plan,
  calls: readonly NodeCall[],
  warmUpMs = 0,
): Promise<Measured> {
  const set = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT);
  const placeOf = (_: unknown, thread: number): NodePlace => ({ where, thread, set });
  const places = Array.from({ length: Math.max(...plan.threads) }, placeOf);
  await using threads = await RoundThreads.start<NodeOrder>(WORKER, places);
  await threads.ask(places.map(() => ({ what: 'prepare' })));
  const warmUp = { what: 'call', call: 'set', ms: warmUpMs, window: 64 } as const;
  if (warmUpMs > 0) await threads.ask(places.map(() => warmUp));
  const measured = await measureCalls(threads, plan, calls);
  // The first thread sets what this one watches.
  await using client = await openNodes(places[0]);
  return { calls: measured, events: await measureEvents(threads, client, plan.events, set) };
}

async function measureCalls(
  threads: RoundThreads<NodeOrder>,
  plan: Plan,
  calls: readonly NodeCall[],
): Promise<Map<string, Measurement>> {
  const measured = new Map<string, Measurement>();
  const { roundMs: ms } = plan;
  for (const call of calls) {
    for (const count of plan.threads) {
      for (const window of plan.windows) {
        // A node is moved to and fro, one time after the other.
        if (call === MOVE && window > 1) continue;
        const orders = Array.from(
          { length: count },
          () => ({ what: 'call', call, ms, window }) as const,
        );
        const clear = orders.map(() => ({ what: 'clear' }) as const);
        const rate = await measureThreads(threads, orders, plan, () => threads.ask(clear));
        const form = window === BLOCKING ? 'blocking' : 'awaited';
        const labels = { threads: count, call: form, window: Math.max(1, window) };
        measured.set([call, count, window].join(), { call, labels, rate });
      }
    }
  }
  return measured;
}

async function measureEvents(
  threads: RoundThreads<NodeOrder>,
  client: NodeClient,
  count: number,
  set: SharedArrayBuffer,
): Promise<number[]> {
  const setAt = new Float64Array(set);
  const latencies: number[] = [];
  for (let event = 0; event < count; event++) {
    const { changed } = await client.watched();
    const answered = threads.ask([{ what: 'set watched' }]);
    latencies.push((await changed) - setAt[0]);
    await answered;
  }
  return latencies;
}
