/**
 * Rebuilding a unit in the background (CORFU 1.10): what a chain that lost a replica holds is copied
 * to the unit that has taken its place for later positions, every address of it: values, junk and
 * trims; holes are decided on the way. Then the unit joins the chain at its end (RELIABILITY D4).
 *
 * The positions lie below the split, in a sealed past: once decided they only can be trimmed, and a
 * trimmer tells the copy as well. So the copy is whole when each address was visited once, and
 * joining needs no seal.
 */
import { unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { type Rebuild, rebuildOf } from '../actors/next-projection.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { fillPosition, stageCopy } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import { call, type Procedure, pause } from './procedure.ts';
import { reconfigure } from './reconfigure.ts';

/** Addresses visited before the thread's other work, and that of the cores, has its turn. */
const ADDRESSES_PER_TURN = 512;
/** What cannot be done now is tried again. */
const RETRY_PAUSE_MS = 1;

/** Copies what is owed first, and lets the unit join. False: nothing is owed. */
export function* rebuildOne(client: LogClient): Procedure<boolean> {
  client.refreshProjection();
  const owed = rebuildOf(client.map.projection);
  if (owed === undefined) return false;
  if (yield* copyAll(client, owed)) {
    // A reconfiguration in between may have changed what is owed: then it is looked at anew.
    yield* reconfigure(client, ({ map }) => {
      const now = rebuildOf(map.projection);
      return now !== undefined && isSame(now, owed) ? { joined: now } : undefined;
    });
  }
  return true;
}

function isSame(a: Rebuild, b: Rebuild): boolean {
  return a.unit === b.unit && a.source === b.source && a.from === b.from && a.to === b.to;
}

/** False when it is not owed any more. */
function* copyAll(client: LogClient, owed: Rebuild): Procedure<boolean> {
  const { memory } = client;
  const source = memory.unit(owed.source).slots;
  const target = memory.unit(owed.unit).slots;
  for (let address = owed.from; address < owed.to; address++) {
    if ((address - owed.from) % ADDRESSES_PER_TURN === 0) {
      yield* pause(0);
      // What is trimmed below needs no visit.
      yield* passTrim(client, owed, source.watermark());
    }
    address = Math.max(address, Math.min(target.watermark(), owed.to));
    while (address < owed.to && !(yield* copyAddress(client, owed, address))) {
      if (stillOwed(client, owed) === undefined) return false;
      yield* pause(RETRY_PAUSE_MS);
    }
  }
  return stillOwed(client, owed) !== undefined;
}

/** The same as the latest projection has it: ranges may have another number there. */
function stillOwed(client: LogClient, owed: Rebuild): Rebuild | undefined {
  if (!client.isCurrent) client.refreshProjection();
  const now = rebuildOf(client.map.projection);
  return now !== undefined && isSame(now, owed) ? now : undefined;
}

/** A prefix trim that was over before the unit came. */
function* passTrim(client: LogClient, owed: Rebuild, watermark: number): Procedure<void> {
  const { slots } = client.memory.unit(owed.unit);
  const position = Math.min(watermark, owed.to);
  if (position <= slots.watermark()) return;
  yield* call({ ...request(client, owed), type: MessageType.UNIT_TRIM_PREFIX, position });
}

function request(client: LogClient, owed: Rebuild) {
  return { oneSided: true, to: unitActor(owed.unit), epoch: client.map.epoch } as const;
}

/** Makes the target's address what the source's is; false: not now. */
function* copyAddress(client: LogClient, owed: Rebuild, address: number): Procedure<boolean> {
  const { memory } = client;
  const there = memory.unit(owed.source).slots.look(address);
  const { slots } = memory.unit(owed.unit);
  // A seal or a wipe that came before this flight is seen here; one after it waits.
  const now = stillOwed(client, owed);
  if (now === undefined) return false;
  // Every attempt takes bytes that only a trim gives back: none while it would be refused, and none
  // where a rebuild that was not ended has copied already.
  if (slots.sealedEpoch() >= client.map.epoch) return false;
  if (there === SlotOutcome.WRITTEN && slots.look(address) !== SlotOutcome.UNWRITTEN) return true;
  switch (there) {
    case SlotOutcome.UNWRITTEN:
      return yield* decide(client, now, address);
    case SlotOutcome.JUNK: {
      const type = MessageType.UNIT_FILL;
      const { outcome } = yield* call({ ...request(client, owed), type, position: address });
      return outcome === SlotOutcome.OK || isDeleted(outcome);
    }
    case SlotOutcome.TRIMMED: {
      const type = MessageType.UNIT_FORGET;
      const { outcome } = yield* call({ ...request(client, owed), type, position: address });
      return outcome === SlotOutcome.OK || isDeleted(outcome);
    }
    default:
      return yield* copyValue(client, now, address);
  }
}

function isDeleted(outcome: number): boolean {
  return outcome === SlotOutcome.JUNK || outcome === SlotOutcome.TRIMMED;
}

/** One position less that lies above the tail; whoever has it does not use it. */
function* takeToken({ map }: LogClient): Procedure<void> {
  const { sequencer, epoch } = map;
  yield* call({ oneSided: true, to: sequencer, type: MessageType.SEQUENCER_NEXT, epoch });
}

/** `owed`: of the client's projection. */
function positionOf({ map }: LogClient, owed: Rebuild, address: number): Position {
  const { from, extents } = map.projection.ranges[owed.range];
  return from + (address - owed.from) * extents.length + owed.extent;
}

/** A hole is filled on the chain, and visited again. */
function* decide(client: LogClient, owed: Rebuild, address: number): Procedure<boolean> {
  const position = positionOf(client, owed, address);
  try {
    // A range ends with a row, which may lie above the tail: nobody was granted that position yet.
    const { sequencer } = client.map;
    const isGranted = sequencer === NO_SEQUENCER || position < client.tail();
    yield* isGranted ? fillPosition(client, position) : takeToken(client);
  } catch (error) {
    if (!(error instanceof TangoError)) throw error;
  }
  return false;
}

function* copyValue(client: LogClient, owed: Rebuild, address: number): Procedure<boolean> {
  const position = positionOf(client, owed, address);
  const copy = stageCopy(client, owed.source, owed.unit, address, position);
  if (copy === undefined) return false;
  try {
    const type = MessageType.UNIT_WRITE;
    const value = copy.reference;
    const { outcome } = yield* call({ ...request(client, owed), type, position: address, value });
    return outcome === SlotOutcome.OK || outcome === SlotOutcome.WRITTEN || isDeleted(outcome);
  } finally {
    copy.settle();
  }
}
