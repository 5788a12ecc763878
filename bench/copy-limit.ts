/** The limit of whatever reads entries: copying as many bytes in pieces of the same size. */
import { WORD_BYTES } from '../shared-memory/words.ts';
import { measureRate, type Rounds } from './harness/measure.ts';

/** Below it a loop over words is faster than a call of copyWithin. */
const CALL_BYTES_MIN = 256;

export interface CopyPlan {
  /** A multiple of 4. */
  readonly pieceBytes: number;
  /** Pieces of the memory that is copied from. */
  readonly pieces: number;
  /** Numbers of the pieces to copy in one round; all of them in order when absent. */
  readonly order?: Int32Array;
}

/** Pieces a second of the best round, out of a SharedArrayBuffer, without allocating anything. */
export async function measurePieces(
  { pieceBytes, pieces, order }: CopyPlan,
  rounds: Rounds,
): Promise<number> {
  const end = pieces * pieceBytes;
  // The target lies behind the pieces: within one buffer a copy needs no view of its source.
  const buffer = new SharedArrayBuffer(end + pieceBytes);
  const bytes = new Uint8Array(buffer).fill(1);
  const words = new Int32Array(buffer);
  const count = order?.length ?? pieces;
  const copyAll = (): number => {
    for (let i = 0; i < count; i++) {
      const start = (order === undefined ? i : order[i]) * pieceBytes;
      if (pieceBytes >= CALL_BYTES_MIN) bytes.copyWithin(end, start, start + pieceBytes);
      else copyWords(words, start / WORD_BYTES, end / WORD_BYTES, pieceBytes / WORD_BYTES);
    }
    return count;
  };
  return (await measureRate(copyAll, rounds)).max;
}

function copyWords(words: Int32Array, from: number, to: number, count: number): void {
  for (let word = 0; word < count; word++) words[to + word] = words[from + word];
}
