/** One round of one thread: an operation on and on, in the form that the order names. */
import { callFor, callForSync } from '../harness/timed-calls.ts';
import { type Call, END, type ObjectClient, type Operation } from './object-client.ts';

export interface ObjectOrder {
  readonly operation: Operation;
  readonly ms: number;
  /** Calls under way at once; 0: calls that block. */
  readonly window: number;
  /** The operation is made once. */
  readonly once?: boolean;
}

/** Resolves to how many were made; 'queue: push' to 0, as each element counts when it is taken. */
export async function runOrder(client: ObjectClient, order: ObjectOrder): Promise<number> {
  const { operation, once = false } = order;
  const lanes = Math.max(1, order.window);
  if (once) {
    await (client.awaited[operation] ?? callOf(client.blocking, operation))(0);
    return 1;
  }
  if (operation === 'queue: take') return take(client, order, lanes);
  const made = await make(client, order, lanes);
  if (operation !== 'queue: push') return made;
  const push = pushOf(client, order);
  for (let i = 0; i < lanes; i++) await push(END);
  return 0;
}

async function make(client: ObjectClient, order: ObjectOrder, lanes: number): Promise<number> {
  const { operation, window } = order;
  const { blocking, awaited } = client;
  const asked = awaited[operation];
  if (window > 0 && asked !== undefined) return callFor(order, asked);
  const call = blocking[operation];
  // Who cannot block waits for each.
  if (call === undefined) return callFor({ ...order, window: 1 }, callOf(awaited, operation));
  if (lanes === 1 || client.group === undefined) return callForSync(order, call);
  const { ms } = order;
  const groups = callForSync({ ms }, (group) =>
    client.group?.(() => {
      for (let i = 0; i < lanes; i++) call(group * lanes + i);
    }),
  );
  return groups * lanes;
}

/** Until an END for each lane of the producer is there. */
async function take(client: ObjectClient, { window }: ObjectOrder, lanes: number): Promise<number> {
  const asked = client.awaited['queue: take'];
  const call = client.blocking['queue: take'];
  let taken = 0;
  if (asked !== undefined && (window > 0 || call === undefined)) {
    const takeUntilEnd = async (): Promise<void> => {
      while ((await asked(0)) !== END) taken++;
    };
    await Promise.all(Array.from({ length: lanes }, takeUntilEnd));
    return taken;
  }
  for (let ends = 0; ends < lanes; ) {
    const element = callOf(client.blocking, 'queue: take')(0);
    if (element === END) ends++;
    else if (element !== undefined) taken++;
  }
  return taken;
}

function pushOf({ blocking, awaited }: ObjectClient, { window }: ObjectOrder): Call {
  const push = 'queue: push';
  return (window > 0 ? awaited[push] : blocking[push]) ?? callOf({ ...blocking, ...awaited }, push);
}

function callOf(calls: ObjectClient['blocking'], operation: Operation): Call {
  const call = calls[operation];
  if (call === undefined) throw new Error(`the store has no such operation: ${operation}`);
  return call;
}
