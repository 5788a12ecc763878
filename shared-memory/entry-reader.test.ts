import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  EntryKind,
  entryFootprint,
  PAYLOAD_BYTES_WORD,
  POSITION_HIGH_WORD,
  POSITION_LOW_WORD,
  payloadOffset,
  STREAM_COUNT_WORD,
} from './entry-layout.ts';
import { stageHeader } from './entry-writer.ts';
import { REFERENCE_SHIFT, SlotOutcome } from './slots-layout.ts';
import { allocateUnit, UnitMemory, type UnitSizes } from './unit-memory.ts';
import { WORD_BYTES } from './words.ts';

const { OK, WRITTEN, JUNK, TRIMMED, UNWRITTEN } = SlotOutcome;
const BACKPOINTERS = 4;
const HEADER_WORDS = 1 + BACKPOINTERS / 2;
const SIZES: UnitSizes = {
  streamHeaderWords: HEADER_WORDS,
  slotCount: 64,
  chunkBytes: 16 * 1024,
  chunkCount: 4,
  headroomChunks: 1,
};
const POSITION = 2 ** 40 + 5;
const WRITER = { thread: 7, sequence: 2 ** 33 + 1 };

const entryReader = suite('entry reader');

interface Staged {
  readonly position?: number;
  readonly payload?: Uint8Array;
  readonly headers?: Int32Array;
  /** Bytes from the start of the first chunk. */
  readonly at?: number;
  readonly kind?: EntryKind;
}

function freshUnit(): UnitMemory {
  return new UnitMemory(allocateUnit(SIZES));
}

/** Stages an entry; returns its byte offset in the unit. */
function stage(unit: UnitMemory, staged: Staged = {}): number {
  const { position = POSITION, payload = new Uint8Array(0), at = 0 } = staged;
  const { headers = new Int32Array(0), kind = EntryKind.APPLICATION } = staged;
  const offset = unit.chunks.chunkOffset(0) + at;
  unit.bytes.set(payload, offset + payloadOffset(headers.length));
  const header = {
    position,
    writerThread: WRITER.thread,
    writerSequence: WRITER.sequence,
    payloadBytes: payload.length,
    streamCount: headers.length / HEADER_WORDS,
    epoch: 3,
    kind,
  };
  stageHeader(unit.words, offset, header, headers, headers.length);
  return offset;
}

function write(unit: UnitMemory, address: number, staged: Staged = {}): number {
  const offset = stage(unit, staged);
  assert.is(unit.slots.tryWrite(address, offset >>> REFERENCE_SHIFT), OK);
  return offset;
}

entryReader('tells what is at an address without an entry', () => {
  const unit = freshUnit();
  unit.slots.tryJunk(1);
  unit.slots.tryJunk(2);
  unit.slots.tryTrim(2);
  assert.is(unit.reader.locate(0, POSITION), UNWRITTEN);
  assert.is(unit.reader.locate(1, POSITION), JUNK);
  assert.is(unit.reader.locate(2, POSITION), TRIMMED);
  assert.is(unit.reader.locate(unit.slots.count, POSITION), UNWRITTEN);
});

entryReader('locates an entry with all its fields', () => {
  const unit = freshUnit();
  const payload = Uint8Array.from({ length: 100 }, (_, i) => i);
  const headers = Int32Array.from({ length: 2 * HEADER_WORDS }, (_, i) => -1 - i);
  const offset = write(unit, 3, { payload, headers, at: 64 });
  const { reader } = unit;
  assert.is(reader.locate(3, POSITION), WRITTEN);
  assert.is(reader.entryOffset, offset);
  assert.is(reader.payloadBytes, payload.length);
  assert.is(reader.payloadOffset, offset + payloadOffset(headers.length));
  assert.is(reader.streamCount, 2);
  assert.is(reader.writerThread, WRITER.thread);
  assert.is(reader.writerSequence, WRITER.sequence);
  assert.is(reader.tokenEpoch, 3);
  assert.equal(reader.copyPayload(), payload);
  assert.is(reader.words[reader.streamHeader(0)], -1);
  assert.is(reader.words[reader.streamHeader(1)], -1 - HEADER_WORDS);
  assert.ok(reader.confirm(3));
});

entryReader('reads back what was staged, of any size and with any number of streams', () => {
  const anyPayload = fc.uint8Array({ maxLength: 300 });
  const anyPosition = fc.maxSafeNat();
  fc.assert(
    fc.property(anyPayload, fc.nat(32), anyPosition, (payload, streams, position) => {
      const unit = freshUnit();
      const headers = Int32Array.from({ length: streams * HEADER_WORDS }, (_, i) => i);
      const first = { payload, headers, position };
      const footprint = entryFootprint(payload.length, streams, BACKPOINTERS);
      write(unit, 0, first);
      // The next entry begins right behind.
      write(unit, 1, { ...first, at: footprint });
      for (const address of [1, 0]) {
        assert.is(unit.reader.locate(address, position), WRITTEN);
        assert.equal(unit.reader.copyPayload(), payload);
        assert.is(unit.reader.streamCount, streams);
        for (let i = 0; i < streams; i++) {
          const at = unit.reader.streamHeader(i);
          assert.equal(
            [...unit.reader.words.subarray(at, at + HEADER_WORDS)],
            [...headers.subarray(i * HEADER_WORDS, (i + 1) * HEADER_WORDS)],
          );
        }
      }
    }),
    { numRuns: 100 },
  );
});

entryReader('gives a private copy of the payload', () => {
  const unit = freshUnit();
  write(unit, 0, { payload: Uint8Array.of(1, 2, 3) });
  unit.reader.locate(0, POSITION);
  const copy = unit.reader.copyPayload();
  unit.bytes.fill(0xff, unit.chunks.chunkOffset(0));
  assert.equal(copy, Uint8Array.of(1, 2, 3));
  assert.instance(copy.buffer, ArrayBuffer);
});

entryReader('does not confirm a read once the watermark has passed the address', () => {
  const unit = freshUnit();
  write(unit, 4);
  assert.is(unit.reader.locate(4, POSITION), WRITTEN);
  unit.slots.raiseWatermark(4);
  assert.ok(unit.reader.confirm(4), 'every address below 4 is trimmed, 4 is not');
  unit.slots.raiseWatermark(5);
  assert.not.ok(unit.reader.confirm(4));
});

entryReader('tells a trimmed entry from a broken one when its bytes are used anew', () => {
  const unit = freshUnit();
  const offset = write(unit, 4);
  unit.slots.raiseWatermark(5);
  unit.bytes.fill(0xee, offset, offset + 64);
  assert.is(unit.reader.locate(4, POSITION), TRIMMED);
});

entryReader('does not take the entry one lap below for that of an address not written yet', () => {
  const unit = freshUnit();
  write(unit, 4);
  const next = 4 + unit.slots.count;
  assert.is(unit.reader.locate(next, POSITION + unit.slots.count), UNWRITTEN);
});

/** Runs `locate` while `meanwhile` happens right after its n-th atomic load. */
function locateWhile(n: number, meanwhile: () => void, locate: () => SlotOutcome): SlotOutcome {
  const { load } = Atomics;
  let loads = 0;
  Atomics.load = ((...args: [Int32Array, number]): number => {
    const value = load(...args);
    if (++loads === n) {
      Atomics.load = load;
      meanwhile();
    }
    return value;
  }) as typeof Atomics.load;
  try {
    return locate();
  } finally {
    Atomics.load = load;
  }
}

entryReader('never shows the entry located before under an address written just now', () => {
  for (let n = 1; n <= 8; n++) {
    const unit = freshUnit();
    write(unit, 0, { payload: Uint8Array.of(1) });
    assert.is(unit.reader.locate(0, POSITION), WRITTEN);
    const late = { position: POSITION + 1, payload: Uint8Array.of(2, 2), at: 256 };
    const outcome = locateWhile(
      n,
      () => write(unit, 1, late),
      () => unit.reader.locate(1, POSITION + 1),
    );
    if (outcome === UNWRITTEN) continue;
    assert.is(outcome, WRITTEN);
    assert.equal([...unit.reader.copyPayload()], [2, 2], `written after load ${n}`);
  }
});

entryReader('is not confused by a slot that gets its next lap meanwhile', () => {
  for (let n = 1; n <= 8; n++) {
    const unit = freshUnit();
    write(unit, 4, { position: 4 });
    const next = 4 + unit.slots.count;
    const meanwhile = (): void => {
      unit.slots.raiseWatermark(5);
      unit.slots.reclaimSlots(5);
      write(unit, next, { position: next, at: 256 });
    };
    const outcome = locateWhile(n, meanwhile, () => unit.reader.locate(next, next));
    assert.ok(outcome === WRITTEN || outcome === UNWRITTEN, `after load ${n}: ${outcome}`);
  }
});

entryReader('tells whose an entry is', () => {
  const unit = freshUnit();
  const headers = Int32Array.from({ length: 2 * HEADER_WORDS }, (_, i) => i);
  write(unit, 0, { position: 0, payload: Uint8Array.of(1, 2), headers });
  write(unit, 1, {
    position: 1,
    payload: Uint8Array.of(3),
    headers,
    at: 256,
    kind: EntryKind.SYSTEM,
  });
  write(unit, 2, {
    position: 2,
    payload: Uint8Array.of(4),
    headers,
    at: 384,
    kind: EntryKind.OBJECTS,
  });
  const { reader } = unit;
  for (const [address, kind, payload] of [
    [1, EntryKind.SYSTEM, [3]],
    [0, EntryKind.APPLICATION, [1, 2]],
    [2, EntryKind.OBJECTS, [4]],
    [1, EntryKind.SYSTEM, [3]],
  ] as const) {
    assert.is(reader.locate(address, address), WRITTEN);
    assert.equal([reader.kind, reader.streamCount], [kind, 2], 'the kind is no stream');
    assert.equal([...reader.copyPayload()], payload);
  }
});

entryReader('does not confirm what was read of a unit that was wiped meanwhile', () => {
  const unit = freshUnit();
  write(unit, 4, { payload: Uint8Array.of(1) });
  assert.is(unit.reader.locate(4, POSITION), WRITTEN);
  assert.ok(unit.reader.confirm(4));
  // The next tenant begins below the address and has another entry there.
  unit.wipe(0, 1);
  write(unit, 4, { payload: Uint8Array.of(2) });
  assert.not(unit.reader.confirm(4), 'the watermark alone does not tell');
  assert.is(unit.reader.locate(4, POSITION), WRITTEN);
  assert.ok(unit.reader.confirm(4), 'looked at anew, it is that of the new tenant');
  assert.equal([...unit.reader.copyPayload()], [2]);
});

entryReader('finds nothing, and fails nowhere, in a unit that is wiped while it looks', () => {
  for (let n = 1; n <= 10; n++) {
    const unit = freshUnit();
    const offset = write(unit, 4, { payload: Uint8Array.of(1) });
    let wiped = false;
    const meanwhile = (): void => {
      wiped = true;
      unit.wipe(2, 1);
      unit.bytes.fill(0xee, offset, offset + 64);
      unit.slots.tryWrite(4, offset >>> REFERENCE_SHIFT);
    };
    const outcome = locateWhile(n, meanwhile, () => unit.reader.locate(4, POSITION));
    if (outcome === WRITTEN) assert.is(unit.reader.confirm(4), !wiped, `wiped after load ${n}`);
    else assert.is(outcome, UNWRITTEN, `wiped after load ${n}`);
  }
});

entryReader('finds out that memory was scribbled over, and says where', () => {
  for (const [word, value] of [
    [POSITION_LOW_WORD, 6],
    [POSITION_HIGH_WORD, 0],
    [PAYLOAD_BYTES_WORD, -1],
    [PAYLOAD_BYTES_WORD, 2 ** 31 - 1],
    [PAYLOAD_BYTES_WORD, 4 * SIZES.chunkBytes],
    [STREAM_COUNT_WORD, -1],
    [STREAM_COUNT_WORD, 2 ** 31 - 1],
    [STREAM_COUNT_WORD, 20_000],
  ]) {
    const unit = freshUnit();
    const offset = write(unit, 0);
    unit.words[offset / WORD_BYTES + word] = value;
    const intact = new RegExp(`entry at position=${POSITION} is intact`);
    assert.throws(() => unit.reader.locate(0, POSITION), intact, `word ${word}: ${value}`);
  }
});

entryReader('survives a reference to anywhere', () => {
  const anyReference = fc.integer({ min: 8, max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(anyReference, (reference) => {
      const unit = freshUnit();
      unit.slots.tryWrite(0, reference);
      assert.throws(() => unit.reader.locate(0, POSITION), /is intact/);
      unit.slots.raiseWatermark(1);
      assert.is(unit.reader.locate(0, POSITION), TRIMMED);
    }),
  );
});

entryReader.run();
