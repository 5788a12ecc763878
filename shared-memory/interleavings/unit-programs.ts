/** A storage unit as small as it gets, and the things that threads do to it. */
import { ENTRY_HEADER_BYTES, ENTRY_HEADER_WORDS, EntryKind } from '../entry-layout.ts';
import { stageHeader } from '../entry-writer.ts';
import { REFERENCE_SHIFT, SlotOutcome } from '../slots-layout.ts';
import { allocateUnit, UnitMemory, type UnitSizes } from '../unit-memory.ts';
import { WORD_BYTES } from '../words.ts';
import { quietly } from './watched-memory.ts';

export const SIZES: UnitSizes = {
  streamHeaderWords: 3,
  slotCount: 2,
  chunkBytes: 64,
  chunkCount: 2,
  headroomChunks: 0,
};
const PAYLOAD_WORDS = 2;
const NO_HEADERS = new Int32Array(0);

export const allocateSmallUnit = (sizes: Partial<UnitSizes> = {}): SharedArrayBuffer =>
  allocateUnit({ ...SIZES, ...sizes });

/** The calling thread's views; the sizes that they read are constants. */
export const viewsOn = (unit: SharedArrayBuffer): UnitMemory => quietly(() => new UnitMemory(unit));

export const referenceTo = (offset: number): number => offset >> REFERENCE_SHIFT;

/** Stages an entry whose payload words are all `content`. */
export function stageEntry(
  memory: UnitMemory,
  offset: number,
  position: number,
  content: number,
): void {
  const payloadBytes = PAYLOAD_WORDS * WORD_BYTES;
  const header = { position, writerThread: 1, writerSequence: 0, payloadBytes, epoch: 1 };
  const kind = { streamCount: 0, kind: EntryKind.APPLICATION };
  stageHeader(memory.words, offset, { ...header, ...kind }, NO_HEADERS, 0);
  const payload = offset / WORD_BYTES + ENTRY_HEADER_WORDS;
  for (let i = 0; i < PAYLOAD_WORDS; i++) memory.words[payload + i] = content;
}

/** Where the i-th entry of a chunk would be. */
export const entryOffset = (memory: UnitMemory, chunk: number): number =>
  memory.chunks.chunkOffset(chunk);

export const NOT_CONFIRMED = 'not confirmed';

/** What a reader is told: an outcome without a value, the payload's words, or NOT_CONFIRMED. */
export function readEntry(
  memory: Pick<UnitMemory, 'reader' | 'words'>,
  address: number,
  position: number,
  confirms = true,
): SlotOutcome | number[] | typeof NOT_CONFIRMED {
  const { reader, words } = memory;
  const outcome = reader.locate(address, position);
  if (outcome !== SlotOutcome.WRITTEN) return outcome;
  const start = reader.payloadOffset / WORD_BYTES;
  const length = reader.payloadBytes / WORD_BYTES;
  const payload: number[] = [];
  for (let i = 0; i < length; i++) payload.push(words[start + i]);
  return !confirms || reader.confirm(address) ? payload : NOT_CONFIRMED;
}

export const payloadOf = (content: number): number[] =>
  Array.from({ length: PAYLOAD_WORDS }, () => content);

export const ENTRY_BYTES = ENTRY_HEADER_BYTES + PAYLOAD_WORDS * WORD_BYTES;
