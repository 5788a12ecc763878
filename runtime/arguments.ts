/** Checks of what the application passes: every error names the argument, its value and the range. */
import { STREAM_ID_MAX, STREAMS_PER_ENTRY_MAX } from '../actors/config.ts';
import { TangoError } from '../actors/tango-error.ts';

/** A value for an error message: short, and safe for any value. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' || value === null || value === undefined) return String(value);
  if (typeof value === 'boolean' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return 'a function';
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}

export function invalid(name: string, value: unknown, expected: string): TangoError {
  return new TangoError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be ${expected}: ${name}=${show(value)}`,
  );
}

/** An integer in [min, max]. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(name, value, `an integer from ${min} to ${max}`);
  }
  return value;
}

export function checkPosition(value: unknown, name = 'position'): number {
  return checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER);
}

/**
 * A payload that can be copied: a Uint8Array on a live buffer. Shared bytes are copied here, since
 * another thread could change them between two replicas.
 */
export function checkPayload(payload: unknown, bytesMax: number): Uint8Array {
  if (!(payload instanceof Uint8Array)) throw invalid('payload', payload, 'a Uint8Array');
  if (payload.length === 0 && payload.byteOffset === 0 && isDetached(payload.buffer)) {
    throw invalid('payload', payload, 'on a buffer that is not detached');
  }
  if (payload.length > bytesMax) {
    const text = `payload must be at most ${bytesMax} bytes: payload.length=${payload.length}`;
    throw new TangoError('ERR_ENTRY_TOO_LARGE', text);
  }
  return payload.buffer instanceof SharedArrayBuffer ? new Uint8Array(payload) : payload;
}

function isDetached(buffer: ArrayBufferLike): boolean {
  if (!(buffer instanceof ArrayBuffer)) return false;
  try {
    // Viewing a detached buffer throws.
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
}

const NO_STREAMS: readonly number[] = [];

/** Distinct stream ids, at most as many as an entry has headers for. */
export function checkStreams(streams: unknown): readonly number[] {
  if (streams === undefined) return NO_STREAMS;
  if (!Array.isArray(streams)) throw invalid('streams', streams, 'an array of stream ids');
  if (streams.length > STREAMS_PER_ENTRY_MAX) {
    const most = `an entry belongs to at most ${STREAMS_PER_ENTRY_MAX} streams`;
    throw new TangoError('ERR_TOO_MANY_STREAMS', `${most}: streams.length=${streams.length}`);
  }
  for (let i = 0; i < streams.length; i++) {
    checkInteger('stream', streams[i], 0, STREAM_ID_MAX);
    if (streams.indexOf(streams[i]) !== i) throw invalid('streams', streams[i], 'distinct');
  }
  return streams;
}

export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (!(signal instanceof AbortSignal)) throw invalid('signal', signal, 'an AbortSignal');
  if (signal.aborted) throw abortedError(signal);
  return signal;
}

export function abortedError(signal: AbortSignal): TangoError {
  return new TangoError('ERR_ABORTED', 'the operation was aborted', { cause: signal.reason });
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(name, value, 'a function');
}

/** Refuses option names that do not exist, with the nearest that does. */
export function checkKeys(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', options, 'an object');
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const text = `${what} knows ${known.join(', ')}: option=${show(key)}${hint(key, known)}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', text);
  }
}

function hint(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** The known word closest to `word`, if it is close. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
