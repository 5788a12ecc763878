/** Opening a log in this process, and attaching further threads to it. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sequencerActor } from '../actors/actor-ids.ts';
import { ActorSystem } from '../actors/actor-system.ts';
import { allocateLog, type LogBuffers, LogMemory } from '../actors/log-memory.ts';
import { type Placement, placeActors } from '../actors/placement.ts';
import { firstProjection } from '../actors/projection.ts';
import { Attachment, Registrar, type RegistrarAddress } from '../actors/registrar.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { abortedError, invalid } from './arguments.ts';
import { type ClientTimes, DEFAULT_TIMES } from './log-client.ts';
import type { LogThreadData } from './log-worker.ts';
import { MailboxLink } from './mailbox-link.ts';
import { checkOpenOptions, type OpenOptions } from './open-options.ts';
import { Tango } from './tango.ts';

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
  readonly placement: Placement;
  readonly times: ClientTimes;
  readonly registrar: RegistrarAddress;
}

/**
 * Opens a log in the memory of this process; the calling thread owns it and is attached to it.
 * Starts the actor threads and resolves once they serve. Rejects with ERR_INVALID_ARGUMENT
 * (option, value, valid range), ERR_UNSUPPORTED, ERR_ABORTED; nothing is left behind then.
 * Nothing keeps the process alive but operations under way; `close()` frees everything.
 */
export async function open(options: OpenOptions = {}): Promise<Tango> {
  const checked = checkOpenOptions(options);
  const { actorThreads, storageUnits, replicas, holeFillMs } = checked;
  const buffers = allocateLog(checked);
  const memory = new LogMemory(buffers);
  const placement = placeActors(actorThreads, storageUnits);
  const times = { ...DEFAULT_TIMES, holeFillMs };
  const sequencer = sequencerActor(0);
  const installed = memory.layoutStore.propose(firstProjection(storageUnits, replicas, sequencer));
  assert(installed === 'written', 'the layout store of a new log is empty');
  memory.sequencer.setServingEpoch(1);
  const owner = memory.threads.claim(actorThreads, actorThreads + 1);
  const extra: Pick<LogThreadData, 'times'> = { times };
  const system = await ActorSystem.start<LogThreadData>({
    buffers,
    memory,
    placement,
    entry: LOG_WORKER,
    extra,
  });
  try {
    if (options.signal?.aborted) throw abortedError(options.signal);
    const registrar = await Registrar.listen(memory, owner + 1);
    const incarnation = memory.threads.incarnation(owner);
    const link = new MailboxLink({ memory, placement, thread: owner, incarnation, times });
    const handle: TangoHandle = {
      tangolog: 1,
      buffers,
      placement,
      times,
      registrar: registrar.address,
    };
    return new Tango({
      handle,
      memory,
      link,
      system,
      closeShared: () => closeAll(registrar, system),
    });
  } catch (error) {
    await system.terminate();
    throw error;
  }
}

/**
 * Attaches the calling thread to the log that `handle` comes from. Rejects with
 * ERR_INVALID_ARGUMENT (no handle), ERR_TOO_MANY_THREADS (attachMax), ERR_CLOSED. The owner's
 * event loop must turn meanwhile.
 */
export async function attach(handle: TangoHandle): Promise<Tango> {
  checkHandle(handle);
  const { buffers, placement, times } = handle;
  let tango: Tango | undefined;
  let gone = false;
  const attachment = await Attachment.register(handle.registrar, () => {
    gone = true;
    tango?.ownerClosed();
  });
  const { thread, incarnation } = attachment.registration;
  try {
    const memory = new LogMemory(buffers);
    const link = new MailboxLink({ memory, placement, thread, incarnation, times });
    tango = new Tango({ handle, memory, link, closeShared: () => attachment.leave() });
  } catch (error) {
    await attachment.leave();
    throw error;
  }
  if (gone) {
    await tango.close();
    throw new TangoError('ERR_CLOSED', 'the log is closed');
  }
  return tango;
}

/** Enough to tell a handle from something else, and from one that went through JSON. */
function checkHandle(handle: unknown): asserts handle is TangoHandle {
  const { tangolog, buffers, placement, times, registrar } = (handle ?? {}) as Partial<TangoHandle>;
  const whole =
    tangolog === 1 &&
    Array.isArray(buffers?.units) &&
    [...buffers.units, buffers.threads].every((buffer) => buffer instanceof SharedArrayBuffer) &&
    Array.isArray(placement?.units) &&
    typeof times?.holeFillMs === 'number' &&
    typeof registrar?.path === 'string' &&
    typeof registrar.secret === 'string';
  if (!whole) throw invalid('handle', handle, 'the handle of an open log');
}

/** Threads that are attached learn first, so that their operations end as ERR_CLOSED. */
async function closeAll(registrar: Registrar, system: ActorSystem): Promise<void> {
  await registrar.close();
  await system.close();
}
