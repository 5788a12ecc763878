/** A thread that writes a ledger, reads that of the first thread, or uses the bare log for the same. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type Tango, type TangoHandle } from '../index.ts';
import { serveRounds } from './harness/round-threads.ts';
import { type CallsPlan, callFor, callForSync } from './harness/timed-calls.ts';

export interface LedgerClientData {
  readonly handle: TangoHandle;
  readonly entryBytes: number;
  /** The log alone: it is trimmed, and no object would survive that. */
  readonly isBare: boolean;
}

/** `window` 0: calls that block. Answered with how many. */
export interface LedgerOrder extends CallsPlan {
  readonly what: 'append' | 'read' | 'start anew' | 'rest';
  readonly window: number;
}

/** What is appended to and read, entry by entry. */
interface Entries {
  append(bytes: Uint8Array): Promise<number>;
  appendSync(bytes: Uint8Array): number;
  /** Gives up what was appended. */
  startAnew(): Promise<void>;
  /** How many of the only writer's are to be read from now on. */
  count(): number;
  read(entry: number): void;
}

async function ofLedgers(tango: Tango): Promise<Entries> {
  const ledgers = await tango.ledgers('ledgers');
  let own = await ledgers.create();
  let written = own;
  return {
    append: (bytes) => ledgers.append(own, bytes),
    appendSync: (bytes) => ledgers.appendSync(own, bytes),
    async startAnew() {
      await ledgers.delete(own);
      own = await ledgers.create();
    },
    count() {
      written = ledgers.list().find((ledger) => ledgers.last(ledger) >= 0) ?? own;
      return ledgers.last(written) + 1;
    },
    read: (entry) => ledgers.read(written, entry, entry + 1),
  };
}

function ofLog({ log }: Tango): Entries {
  let first = log.tailSync();
  return {
    append: (bytes) => log.append(bytes),
    appendSync: (bytes) => log.appendSync(bytes),
    async startAnew() {
      first = log.tailSync();
    },
    count: () => log.tailSync() - first,
    read: (entry) => log.readSync(first + entry),
  };
}

async function run(entries: Entries, bytes: Uint8Array, order: LedgerOrder): Promise<number> {
  switch (order.what) {
    case 'rest':
      return 0;
    case 'start anew':
      await entries.startAnew();
      return 0;
    case 'read': {
      const count = entries.count();
      return callForSync(order, (number) => entries.read(number % count));
    }
    default:
      if (order.window === 0) return callForSync(order, () => entries.appendSync(bytes));
      return callFor(order, () => entries.append(bytes));
  }
}

async function open({ handle, entryBytes, isBare }: LedgerClientData) {
  const tango = await attach(handle, { link: 'direct' });
  const entries = isBare ? ofLog(tango) : await ofLedgers(tango);
  const bytes = new Uint8Array(entryBytes).fill(1);
  return {
    run: (order: LedgerOrder) => run(entries, bytes, order),
    [Symbol.asyncDispose]: () => tango.close(),
  };
}

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  void serveRounds<LedgerOrder>(parentPort, () => open(workerData as LedgerClientData));
}
