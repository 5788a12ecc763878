/** What maps are opened with. */
import { TangoError } from '../actors/tango-error.ts';
import { checkKeys, invalid } from '../runtime/arguments.ts';

/**
 * What an entry is found by, see find(); undefined: by nothing. Depends on its arguments alone, and
 * changes neither them nor anything else.
 */
export type IndexFunction<K, V> = (value: V, key: K) => unknown;

/** Values as bytes of the application's own form: the same one in all threads. */
export interface ValueCodec<V> {
  /** Called when a value is set. What it throws, the caller gets. */
  encode(value: V): Uint8Array;
  /**
   * Called each time a value is read: what it returns is the reader's own; the bytes are not. What it
   * throws, the reader gets.
   */
  decode(bytes: Uint8Array): V;
}

export interface MapOptions<K = unknown, V = unknown> {
  /** By name. They are this thread's: others may have others, or none. */
  readonly indexes?: Readonly<Record<string, IndexFunction<K, V>>> | undefined;
  /** Default: what msgpack and the structured clone have a form for. */
  readonly codec?: ValueCodec<V> | undefined;
  /**
   * Where values are: in the memory of each thread (default), or in the log alone, from where they are read
   * on demand. That belongs to the name for ever, as its type does.
   */
  readonly values?: 'memory' | 'log' | undefined;
}

/** Of a map whose values are in the log. */
export interface LogMapOptions<K = unknown, V = unknown> extends MapOptions<K, V> {
  readonly values: 'log';
}

/** Whether these are options of such a map. */
export function isLogMap(options: { readonly values?: unknown } | undefined): boolean {
  return options?.values === 'log';
}

const MAP_OPTIONS = ['indexes', 'codec', 'values'];

/** ERR_INVALID_ARGUMENT. */
export function checkMapOptions<K, V>(what: string, options: unknown): MapOptions<K, V> {
  if (options === undefined) return {};
  checkKeys(what, options, MAP_OPTIONS);
  const { indexes, codec, values = 'memory' } = options as MapOptions<K, V>;
  if (indexes !== undefined) {
    if (typeof indexes !== 'object' || indexes === null) {
      throw invalid('indexes', indexes, 'functions by name');
    }
    for (const [name, one] of Object.entries(indexes)) {
      if (typeof one !== 'function')
        throw invalid(`indexes.${name}`, one, 'a function of the value');
    }
  }
  if (codec !== undefined) {
    if (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function') {
      throw invalid('codec', codec, '{ encode, decode }');
    }
  }
  if (values !== 'memory' && values !== 'log') throw invalid('values', values, "'memory' or 'log'");
  return options as MapOptions<K, V>;
}

/** The value as it is kept. */
export function encodedBy<V>(codec: ValueCodec<V> | undefined, value: V): unknown {
  if (codec === undefined) return value;
  const bytes: unknown = codec.encode(value);
  if (!(bytes instanceof Uint8Array)) throw invalid('codec.encode()', bytes, 'a Uint8Array');
  return bytes;
}

/** The value as it is read. ERR_TYPE_MISMATCH: it was set without a codec. */
export function decodedBy<V>(codec: ValueCodec<V> | undefined, kept: unknown, map: string): V {
  if (codec === undefined) return kept as V;
  if (kept instanceof Uint8Array) return codec.decode(kept);
  const text = `a value was set without the codec: object=${map}`;
  throw new TangoError('ERR_TYPE_MISMATCH', text, { object: map });
}
