/** Opening a log in this process, and attaching further threads to it. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sequencerActor } from '../actors/actor-ids.ts';
import { ActorSystem } from '../actors/actor-system.ts';
import { newAddress, type SocketAddress } from '../actors/local-socket.ts';
import { allocateLog, type LogBuffers, LogMemory } from '../actors/log-memory.ts';
import { placeActors, settle } from '../actors/placement.ts';
import { firstProjection, NO_SEQUENCER } from '../actors/projection.ts';
import { Attachment, Registrar } from '../actors/registrar.ts';
import { TangoError } from '../actors/tango-error.ts';
import { Watched } from '../actors/watch.ts';
import { assert } from '../shared-memory/assert.ts';
import { Flight } from '../shared-memory/flight.ts';
import { abortedError, checkKeys, invalid } from './arguments.ts';
import { type ClientTimes, DEFAULT_TIMES, type LinkKind } from './client-options.ts';
import type { LogThreadData } from './log-worker.ts';
import { MailboxLink } from './mailbox-link.ts';
import { checkLink, checkOpenOptions, type LogOptions, type OpenOptions } from './open-options.ts';
import { type StalledMessage, Supervision } from './supervision.ts';
import { Tango, type TangoParts } from './tango.ts';

/** Named once: right in source and in dist. */
const LOG_WORKER = new URL(
  `./log-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);

/**
 * What another thread needs to attach: structured-cloneable, valid in this process only. Pass it
 * as it is, for example in `workerData`.
 */
export interface TangoHandle {
  readonly tangolog: 1;
  readonly buffers: LogBuffers;
  readonly link: LinkKind;
  readonly times: ClientTimes;
  /** See OpenOptions.compaction: its trigger, or 0. */
  readonly compactAt: number;
  readonly registrar: SocketAddress;
  /** The monitor's. */
  readonly watch: SocketAddress;
}

type TangoType<T extends Tango> = new (parts: TangoParts) => T;

export interface AttachOptions {
  /** Of the calling thread; default: what the log was opened with. */
  readonly link?: LinkKind | undefined;
}

/**
 * Opens a log in the memory of this process; the calling thread owns it and is attached to it.
 * Starts the actor threads and resolves once they serve. Rejects with ERR_INVALID_ARGUMENT
 * (option, value, valid range), ERR_UNSUPPORTED, ERR_ABORTED; nothing is left behind then.
 * Nothing keeps the process alive but operations under way; `close()` frees everything.
 */
export async function open(options: OpenOptions = {}): Promise<Tango> {
  return openAs(Tango, options);
}

/** As open, with the objects' own calls beside those of Tango. */
export async function openAs<T extends Tango>(
  Type: TangoType<T>,
  options: OpenOptions,
): Promise<T> {
  const checked = checkOpenOptions(options);
  const { link: kind, holeFillMs, sessionTimeoutMs } = checked;
  const buffers = allocateLog(checked);
  const memory = new LogMemory(buffers);
  const times = { ...DEFAULT_TIMES, holeFillMs, sessionTimeoutMs };
  installFirst(memory, checked);
  const owner = memory.threads.claim(checked.actorThreads, checked.actorThreads + 1);
  const incarnation = memory.threads.incarnation(owner);
  const flight = new Flight(memory.threads, owner);
  const watch = newAddress();
  const supervision = new Supervision(memory);
  const extra: Pick<LogThreadData, 'times' | 'watch'> = { times, watch };
  const system = await ActorSystem.start<LogThreadData>({
    buffers,
    memory,
    flight,
    entry: LOG_WORKER,
    extra,
    vacated: (thread, closing) => supervision.vacated(thread, closing),
    onMessage: (_thread, message) => supervision.onMessage(message as StalledMessage),
  });
  const leavings: (() => unknown)[] = [() => system.terminate(), () => supervision.end()];
  try {
    if (options.signal?.aborted) throw abortedError(options.signal);
    const registrar = await Registrar.listen(memory, flight, owner + 1);
    leavings.push(() => registrar.close());
    const link = new MailboxLink({ memory, kind, flight, thread: owner, incarnation, times });
    leavings.push(() => link.leave());
    supervision.begin(system, link);
    const watched = new Watched(watch, owner, incarnation);
    leavings.push(() => watched.leave());
    const handle: TangoHandle = {
      tangolog: 1,
      buffers,
      link: kind,
      times,
      compactAt: checked.compactAt,
      registrar: registrar.address,
      watch,
    };
    return new Type({
      handle,
      memory,
      link,
      random: Math.random,
      system,
      watched,
      closeShared: async () => {
        supervision.end();
        // Threads that are attached learn first, so that their operations end as ERR_CLOSED.
        await registrar.close();
        await system.close();
      },
    });
  } catch (error) {
    for (const leave of leavings.reverse()) await leave();
    throw error;
  }
}

/** The log's first projection, and where its actors live. */
function installFirst(memory: LogMemory, options: LogOptions): void {
  const { storageUnits, replicas, actorThreads } = options;
  const sequencer = options.sequencer ? sequencerActor(0) : NO_SEQUENCER;
  const installed = memory.layoutStore.propose(firstProjection(storageUnits, replicas, sequencer));
  assert(installed === 'written', 'the layout store of a new log is empty');
  if (options.sequencer) memory.sequencer.setBuilt(1);
  settle(memory.homes, placeActors(actorThreads - 1, storageUnits));
}

/**
 * Attaches the calling thread to the log that `handle` comes from. Rejects with
 * ERR_INVALID_ARGUMENT (no handle, options), ERR_TOO_MANY_THREADS (attachMax), ERR_CLOSED. The
 * owner's event loop must turn meanwhile.
 */
export async function attach(handle: TangoHandle, options?: AttachOptions): Promise<Tango> {
  return attachAs(Tango, handle, options);
}

/** As attach, with the objects' own calls beside those of Tango. */
export async function attachAs<T extends Tango>(
  Type: TangoType<T>,
  handle: TangoHandle,
  options: AttachOptions = {},
): Promise<T> {
  checkHandle(handle);
  checkKeys('attach', options, ['link']);
  const kind = options.link === undefined ? handle.link : checkLink(options.link);
  const { buffers, times } = handle;
  let tango: T | undefined;
  let gone = false;
  let leave = (): void => {};
  const attachment = await Attachment.register(handle.registrar, () => {
    gone = true;
    if (tango === undefined) leave();
    else tango.ownerClosed();
  });
  const { thread, incarnation } = attachment.registration;
  const leavings: (() => unknown)[] = [() => attachment.leave()];
  try {
    const memory = new LogMemory(buffers);
    const flight = new Flight(memory.threads, thread);
    const link = new MailboxLink({ memory, kind, flight, thread, incarnation, times });
    leavings.push(() => link.leave());
    const watched = new Watched(handle.watch, thread, incarnation);
    leavings.push(() => watched.leave());
    leave = () => watched.leave();
    // BEFORE anybody may wait for what it does: its death in flight has to be noticed.
    await link.holding(watched.introduced);
    tango = new Type({
      handle,
      memory,
      link,
      random: Math.random,
      watched,
      closeShared: () => attachment.leave(),
    });
  } catch (error) {
    for (const leave of leavings.reverse()) await leave();
    throw error;
  }
  if (gone) {
    await tango.close();
    throw new TangoError('ERR_CLOSED', 'the log is closed');
  }
  return tango;
}

const BUFFERS = [
  'units',
  'sequencer',
  'layoutStore',
  'threads',
  'homes',
  'mailboxes',
  'counters',
] as const;

/** Enough to tell a handle from something else, and from one that went through JSON. */
function checkHandle(handle: unknown): asserts handle is TangoHandle {
  const { tangolog, buffers, times, registrar, watch } = (handle ?? {}) as Partial<TangoHandle>;
  const whole =
    tangolog === 1 &&
    Array.isArray(buffers?.units) &&
    BUFFERS.flatMap((name) => buffers[name]).every((one) => one instanceof SharedArrayBuffer) &&
    typeof times?.holeFillMs === 'number' &&
    typeof registrar?.path === 'string' &&
    typeof registrar.secret === 'string' &&
    typeof watch?.path === 'string';
  if (!whole) throw invalid('handle', handle, 'the handle of an open log');
}
