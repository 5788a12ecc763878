/**
 * The objects of one thread: their views, which one playback keeps at one position, and the changes on
 * their way to the log.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import { abortedError, checkPosition, invalid } from '../arguments.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { MailboxLink } from '../mailbox-link.ts';
import type { OpenGate } from '../open-gate.ts';
import { type Procedure, pause } from '../procedure.ts';
import { unwritten } from '../read.ts';
import { Settled } from '../settled.ts';
import { Arrivals } from './arrivals.ts';
import { type Change, type ChangesOptions, readChanges } from './change-feed.ts';
import { DIRECTORY_ID } from './checkpoint-index.ts';
import { Checkpointer } from './checkpointer.ts';
import { Compaction } from './compaction.ts';
import { Directory } from './directory.ts';
import { isTrimmedError } from './entry-loader.ts';
import { growthOf, type Trialled } from './growth.ts';
import { type Snapshot, snapshotAt } from './history.ts';
import { Holds } from './holds.ts';
import { allObjects, HostedObjects, type ObjectEntry } from './hosted-objects.ts';
import { type LogReference, ReferenceReader } from './log-reference.ts';
import { inBody, type ObjectBinding, type ObjectPlayer } from './object-binding.ts';
import { encodeKey } from './object-key.ts';
import { checkObject, type ObjectType } from './object-type.ts';
import { Outbox } from './outbox.ts';
import { Playback, type PlaybackListener, type RecordOutcome, resultOf } from './playback.ts';
import { Precedence } from './precedence.ts';
import type { ObjectId, ObjectRecord, Update } from './record.ts';
import { Sessions } from './sessions.ts';
import type { TransactOptions } from './transact-options.ts';
import type { Participant } from './transaction.ts';
import { Transactions } from './transactions.ts';
import { differsError, ViewDigests } from './view-digests.ts';

/** What views need of their thread's link. */
export type ViewsLink = Pick<
  MailboxLink,
  'client' | 'thread' | 'run' | 'runSync' | 'drive' | 'kick' | 'inTurns' | 'atTurnEnd'
>;

export interface ViewsOptions {
  readonly link: ViewsLink;
  readonly gate: OpenGate;
  /** In [0, 1). */
  readonly random: () => number;
  /** Part of the log's memory in use at which a checkpoint is taken and the log trimmed; 0: never. */
  readonly compactAt: number;
  /** Classes of which this thread can make views of objects that it does not host. */
  readonly types: readonly ObjectType<unknown>[];
}

export class Views {
  readonly #link: ViewsLink;
  readonly #gate: OpenGate;
  readonly #playback: Playback;
  readonly #outbox: Outbox;
  readonly #arrivals: Arrivals;
  readonly #sessions: Sessions;
  readonly #holds: Holds;
  readonly #directory: Directory;
  readonly #transactions: Transactions;
  readonly #checkpointer: Checkpointer;
  readonly #compaction: Compaction;
  readonly #digests = new ViewDigests();
  readonly #hosted: HostedObjects;
  readonly #references: ReferenceReader;
  readonly #participants = new Map<ObjectId, Participant>();
  #sendsSoon = false;
  /** Of a blocking change that has ended, for the next one. */
  #settled: Settled<RecordOutcome | undefined> | undefined;

  constructor({ link, gate, random, compactAt, types }: ViewsOptions) {
    const { client } = link;
    this.#link = link;
    this.#gate = gate;
    this.#holds = new Holds(client.memory.views, link.thread);
    this.#arrivals = new Arrivals(client.memory.views, () => {
      return !client.isTail(this.#playback.position);
    });
    this.#sessions = new Sessions(client, link.thread, () => this.sync());
    this.#playback = new Playback(client, this.#listener(link));
    this.#references = new ReferenceReader(this.#playback.loader);
    const hosting = {
      client,
      playback: this.#playback,
      directory: () => this.#directory,
      run: <T>(procedure: Procedure<T>) => this.#run(procedure),
      sync: () => this.sync(),
      discarded: (object: unknown) => this.#sessions.unwatch(object),
      bind: (entry: ObjectEntry, host: (player: ObjectPlayer) => void) =>
        this.#bindingOf(entry, host),
    };
    this.#hosted = new HostedObjects(hosting, types);
    const precedence = new Precedence(client);
    this.#checkpointer = new Checkpointer({
      client,
      playback: this.#playback,
      objects: () => allObjects(this.#directory),
      hosted: (object) => this.#hosted.healthy(object),
      detached: (object) => this.#hosted.detached(object),
      recorded: (object) => this.#hosted.recorded(object),
      lowestHold: () => this.#lowestHold(),
      trims: compactAt > 0,
    });
    this.#compaction = new Compaction(client, this.#checkpointer, compactAt);
    this.#outbox = this.#newOutbox(client, precedence);
    this.#transactions = new Transactions({
      gate,
      random,
      playback: this.#playback,
      holds: this.#holds,
      precedence,
      isTrimmed: (position) => position < client.memory.sequencer.trimMark(),
      sync: () => this.sync(),
      syncNow: () => this.#catchUp(),
      changed: (record, asksOutcome) => this.#changed(record, asksOutcome),
      changedSync: (record, asksOutcome) => this.#changedSync(record, asksOutcome),
      run: (procedure) => this.#run(procedure),
      runSync: (procedure) => this.#runSync(procedure),
    });
    const entry = { id: DIRECTORY_ID, name: 'the directory', options: undefined };
    this.#directory = new Directory(
      this.#bindingOf(entry, (player) => this.#playback.host(DIRECTORY_ID, player)),
    );
  }

  /** How far every view of this thread is: every entry below is played, none from it on. */
  get position(): Position {
    return this.#playback.position;
  }

  /** Objects that are open in this thread. */
  get openCount(): number {
    return this.#hosted.count;
  }

  /**
   * The object of that name in this thread, the same one each time; creates it if there is none.
   * Plays its history. Rejects with ERR_TYPE_MISMATCH, ERR_INVALID_ARGUMENT, ERR_TRIMMED,
   * ERR_LOG_FULL, ERR_CLOSED.
   */
  object<O>(type: ObjectType<O>, name: string, options?: unknown): Promise<O> {
    // What fails in a body fails the body: nobody would hear of a promise.
    if (this.#transactions.current !== undefined) throw inBody('an object is opened');
    return this.#object(type, name, options);
  }

  async #object<O>(type: ObjectType<O>, name: string, options: unknown): Promise<O> {
    this.#gate.check();
    checkObject(type, name);
    return this.#hosted.open(type, name, options);
  }

  /** Brings every view of this thread up to what had returned before; resolves to how far. */
  sync(): Promise<Position> {
    return this.#link.inTurns(this.#sync());
  }

  async #sync(): Promise<Position> {
    this.#gate.check();
    const tail = this.#link.client.tail();
    if (!this.#playback.tryPlayTo(tail)) await this.#run(this.#playback.playTo(tail));
    return this.#playback.position;
  }

  /** See Tango.until. */
  until<T>(read: () => T | undefined, signal?: AbortSignal): Promise<T> {
    if (this.#transactions.current !== undefined) throw inBody('it is waited for something');
    return this.#until(read, signal);
  }

  /** BEFORE the gate closes: what this thread has changed is under way, what it held is given up. */
  close(): void {
    this.#sessions.close();
    this.flush();
  }

  /** Sends what this turn has changed so far. */
  flush(): void {
    if (!this.#sendsSoon) return;
    this.#sendsSoon = false;
    this.#outbox.send();
    if (this.#compaction.isDue()) this.#link.client.run(this.#compaction.run(), IGNORED);
    this.#link.kick();
  }

  /** See Tango.transact. */
  transact<T>(body: () => T, options?: TransactOptions): Promise<T> {
    return this.#transactions.transact(body, options);
  }

  /** See Tango.transactSync. */
  transactSync<T>(body: () => T, options?: TransactOptions): T {
    return this.#transactions.transactSync(body, options);
  }

  /** See Tango.checkpoint. */
  async checkpoint(): Promise<Position> {
    this.#gate.check();
    return this.#run(this.#checkpointer.checkpoint());
  }

  /** See Tango.forget. */
  async forget(position: Position): Promise<void> {
    this.#gate.check();
    checkPosition(position);
    if (position > this.#link.client.tail()) throw unwritten(position);
    await this.#run(this.#checkpointer.forget(position));
  }

  /** See Tango.at. */
  async at(position: Position): Promise<Snapshot> {
    this.#gate.check();
    checkPosition(position);
    if (position > this.#link.client.tail()) throw unwritten(position);
    const world = {
      client: this.#link.client,
      updateAt: (place: LogReference) => this.#tryUpdateAt(place),
      run: <T>(procedure: Procedure<T>) => this.#run(procedure),
    };
    return snapshotAt(world, position);
  }

  /** See Tango.changes. */
  changes(options: ChangesOptions): AsyncIterable<Change> {
    this.#gate.check();
    const feed = {
      client: this.#link.client,
      run: <T>(procedure: Procedure<T>) => this.#run(procedure),
      checkOpen: () => this.#gate.check(),
      namesUpTo: async (position: Position) => {
        if (this.#playback.position < position) await this.sync();
      },
      nameOf: (object: ObjectId) => this.#directory.nameOf(object),
      describe: (name: string, operation: unknown) => this.#describe(name, operation),
    };
    return readChanges(feed, options);
  }

  #listener({ client, thread }: ViewsLink): PlaybackListener {
    return {
      played: (batch, outcomes) => {
        if (batch.writer === client.incarnation) this.#outbox.played(batch, outcomes);
      },
      marked: (mark, writer, position) => {
        this.#checkpointer.marked(mark, writer);
        this.#compaction.marked();
        this.#digests.marked(position + 1, this.#hosted.players());
      },
      checkpointed: (index) => {
        this.#checkpointer.checkpointed(index);
        this.#compaction.checkpointed(index);
        for (const { object } of this.#digests.differences(index)) {
          const hosted = this.#hosted.get(object);
          hosted?.player.fail(differsError(hosted.name, index.covered, thread));
        }
      },
      mayJump: () => this.#holds.isEmpty,
    };
  }

  #newOutbox(client: LogClient, precedence: Precedence): Outbox {
    return new Outbox({
      client,
      holds: this.#holds,
      precedence,
      playback: () => this.#playback,
      arrived: () => this.#arrivals.tell(),
      room: this.#checkpointer.room,
      compaction: this.#compaction,
      growthOf: (records) => growthOf(records, (object) => this.#trialled(object)),
    });
  }

  #bindingOf(
    { id, name, options }: ObjectEntry,
    host: (player: ObjectPlayer) => void,
  ): ObjectBinding {
    let participant: Participant | undefined;
    const own = (): Participant => {
      if (participant === undefined) throw new Error('an object is bound when it is made');
      return participant;
    };
    return {
      id,
      name,
      options,
      sessions: this.#sessions,
      bind: (player, one) => {
        participant = one;
        this.#participants.set(id, one);
        host(player);
      },
      read: (key) => {
        const { current } = this.#transactions;
        if (current === undefined) this.#catchUp();
        else current.read(own(), key === undefined ? undefined : encodeKey(key));
      },
      isInBody: () => this.#transactions.current !== undefined,
      change: (update, asksResult) => this.#changed(update, asksResult),
      changeSync: (update, asksResult) => this.#changeNow(own(), update, asksResult),
      transact: (body) => this.transact(body),
      transactSync: (body) => this.transactSync(body),
      until: (read, signal) => this.until(read, signal),
      writer: this.#link.client.incarnation,
      updateAt: (at) => this.#updateAt(at),
      turn: () => this.#run(pause(0)),
    };
  }

  /** A body that misses it begins again: its view cannot catch up. */
  #updateAt(at: LogReference): Update | undefined {
    const update = this.#tryUpdateAt(at);
    if (update === undefined) this.#transactions.current?.lose();
    return update;
  }

  #tryUpdateAt(at: LogReference): Update | undefined {
    this.#gate.check();
    try {
      return this.#references.tryRead(at) ?? this.#runSync(this.#references.read(at));
    } catch (error) {
      if (isTrimmedError(error)) return undefined;
      throw error;
    }
  }

  async #until<T>(read: () => T | undefined, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      if (signal?.aborted) throw abortedError(signal);
      await this.sync();
      const found = read();
      // It would have found something at its first look, whatever comes of it.
      if (found instanceof Promise) {
        found.catch(() => {});
        throw invalid('read', read, 'a function that does not await');
      }
      if (found !== undefined) return found;
      await this.#arrivals.next(signal);
    }
  }

  /** Nothing new in the log: three looks at shared memory. */
  #catchUp(): void {
    // Within apply() the view is what it is.
    if (this.#playback.isApplying) return;
    this.#gate.checkInTime();
    if (!this.#link.client.isTail(this.#playback.position)) this.#play();
  }

  #play(): void {
    const tail = this.#link.client.tail();
    if (tail <= this.#playback.position || this.#playback.tryPlayTo(tail)) return;
    this.#runSync(this.#playback.playTo(tail));
  }

  #changeNow(participant: Participant, update: Update, asksResult: boolean): unknown {
    const { current } = this.#transactions;
    if (current !== undefined) return this.#transactions.buffer(participant, update, asksResult);
    return resultOf(this.#changedSync(update, asksResult));
  }

  /** apply() changes its own view and nothing else: it runs in every thread, and again. */
  #checkChange(): void {
    this.#gate.check();
    if (!this.#playback.isApplying) return;
    throw new TangoError('ERR_UNSUPPORTED', 'apply() changes an object through the log');
  }

  /** Sent at the end of the turn, together with what else the turn changes. */
  #changed(record: ObjectRecord, asksOutcome: boolean): Promise<RecordOutcome | undefined> {
    return new Promise((done, reject) => {
      this.#checkChange();
      const failed = (error: unknown): void => reject(this.#gate.translated(error));
      this.#outbox.add(record, asksOutcome, { done, failed });
      if (this.#sendsSoon) return;
      this.#sendsSoon = true;
      this.#link.atTurnEnd(() => this.flush());
    });
  }

  #changedSync(record: ObjectRecord, asksOutcome: boolean): RecordOutcome | undefined {
    this.#checkChange();
    // A call within this one, as from a state that is encoded meanwhile, makes its own.
    const settled = this.#settled ?? new Settled<RecordOutcome | undefined>();
    this.#settled = undefined;
    settled.begin();
    this.#outbox.add(record, asksOutcome, settled);
    this.#outbox.send();
    this.#link.drive(settled.isSettled);
    this.#settled = settled;
    // A thread that only ever blocks has no other time for it.
    if (this.#compaction.isRunning) this.#link.drive(() => !this.#compaction.isRunning);
    else if (this.#compaction.isDue()) this.#tryCompact();
    return this.#gate.runSync(() => settled.take());
  }

  #describe(name: string, operation: unknown): unknown {
    const typeName = this.#directory.entries.get(name)?.type;
    const type = typeName === undefined ? undefined : this.#hosted.type(typeName);
    return type?.describe === undefined ? operation : type.describe(operation);
  }

  #tryCompact(): void {
    this.#link.client.run(this.#compaction.run(), IGNORED);
    this.#link.drive(() => !this.#compaction.isRunning);
  }

  /** While a body runs, its own changes are in the views. */
  #trialled(object: ObjectId): Trialled | undefined {
    const player = this.#hosted.healthy(object);
    const participant = this.#participants.get(object);
    if (player === undefined || participant === undefined) return undefined;
    return this.#transactions.current === undefined ? { player, participant } : undefined;
  }

  #lowestHold(): Position {
    const { views, threads } = this.#link.client.memory;
    return views.lowestHold(threads.count, (thread) => threads.state(thread) === ThreadState.ALIVE);
  }

  #run<T>(procedure: Procedure<T>): Promise<T> {
    return this.#gate.run(this.#link.run(procedure));
  }

  #runSync<T>(procedure: Procedure<T>): T {
    return this.#gate.runSync(() => this.#link.runSync(procedure));
  }
}

/** A compaction that fails is tried again when the log is fuller; a full log tells why. */
const IGNORED = { done: () => {}, failed: () => {} };
