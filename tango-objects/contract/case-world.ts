/** What the cases of a contract run in: two clients of one log, and objects that nobody has used. */
import { OpenedLogs } from '../opened-logs.ts';
import { attach, type Tango } from '../tango.ts';
import type { TangoCounter } from '../tango-counter.ts';
import { Caller, type ObjectContract } from './object-contract.ts';

const LOG_BYTES = 128 * 2 ** 20;

export class CaseWorld {
  readonly tango: Tango;
  /** On the other link. */
  readonly other: Tango;
  /** An object that a transaction changes so that it has something to commit. */
  readonly witness: TangoCounter;
  readonly #logs: OpenedLogs;
  #names = 0;

  private constructor(logs: OpenedLogs, tango: Tango, other: Tango, witness: TangoCounter) {
    this.#logs = logs;
    this.tango = tango;
    this.other = other;
    this.witness = witness;
  }

  static async open(): Promise<CaseWorld> {
    const logs = new OpenedLogs();
    const tango = await logs.open({ logBytes: LOG_BYTES, compaction: false, link: 'direct' });
    const other = logs.add(await attach(tango.handle, { link: 'mailbox' }));
    return new CaseWorld(logs, tango, other, await tango.counter('witness'));
  }

  close(): Promise<void> {
    return this.#logs.close();
  }

  /** Of no object so far. */
  newName({ name }: ObjectContract): string {
    return `${name} ${++this.#names}`;
  }

  openOne(contract: ObjectContract): Promise<Caller<object>> {
    return Caller.open(contract, this.tango, this.newName(contract));
  }

  /** The same object in both clients. */
  async openTwo(contract: ObjectContract): Promise<[Caller<object>, Caller<object>]> {
    const name = this.newName(contract);
    const one = await Caller.open(contract, this.tango, name);
    return [one, await Caller.open(contract, this.other, name)];
  }

  /** In a client that has played nothing yet. */
  async withLateClient(use: (late: Tango) => Promise<void>): Promise<void> {
    const late = await attach(this.tango.handle);
    try {
      await use(late);
    } finally {
      await late.close();
    }
  }
}
