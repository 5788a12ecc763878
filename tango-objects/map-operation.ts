/** Changes of maps, as they are in the log. */
import { invalid } from '../runtime/arguments.ts';
import { ON_TRIAL } from '../runtime/views/log-reference.ts';

/** What a change does. */
export const SET = 0;
export const SET_IF_ABSENT = 1;
export const SET_IF_VERSION = 2;
export const DELETE = 3;
export const CLEAR = 4;
export const RELOCATE = 5;

/** Lists, not named fields: encoded and decoded several times faster. */
export type Operation<K> =
  | readonly [typeof SET | typeof SET_IF_ABSENT, key: K, value: Kept]
  | readonly [typeof SET_IF_VERSION, key: K, value: Kept, version: number | undefined]
  | readonly [typeof DELETE, key: K]
  | readonly [typeof CLEAR]
  | Relocate<K>;

/** The value is here as well, for a map that keeps places: instead of the one that the numbers tell. */
export type Relocate<K> = readonly [
  typeof RELOCATE,
  key: K,
  value: Kept,
  position: number,
  index: number,
  update: number,
];

export type SetOperation<K> = Exclude<
  Operation<K>,
  readonly [typeof DELETE, K] | readonly [typeof CLEAR] | Relocate<K>
>;

/**
 * A value as the view has it: with a codec, bytes, so that all views are the same whoever has it. Or where
 * in the log it is.
 */
export type Kept = unknown;

/** For change feeds. */
export function describeOperation([kind, key, value, version]: Operation<unknown>): unknown {
  if (kind === CLEAR) return { clear: true };
  if (kind === DELETE) return { delete: key };
  if (kind === SET) return { set: key, value };
  return kind === SET_IF_ABSENT
    ? { set: key, value, ifAbsent: true }
    : { set: key, value, ifVersion: version };
}

/** ERR_INVALID_ARGUMENT for one that versionOf() cannot have told of a key that is in the log. */
export function checkVersion(version: unknown): void {
  if (version === undefined) return;
  // The transaction under way may have set the key itself.
  if (Number.isSafeInteger(version) && Number(version) >= 0 && version !== ON_TRIAL) return;
  throw invalid('version', version, 'what versionOf() told of a key that is in the log');
}
