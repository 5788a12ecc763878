/** What changes of a list are, in the log and in feeds. */

/** What a change does; in the log. */
export const APPEND = 0;
export const SET = 1;
export const INSERT = 2;
export const DELETE = 3;
export const CLEAR = 4;

/** What has to be within the list as it is at the change's place in the log. */
export type AtIndex<T> =
  | readonly [typeof SET | typeof INSERT, index: number, value: T]
  | readonly [typeof DELETE, index: number];

export type Operation<T> =
  | AtIndex<T>
  | readonly [typeof APPEND, ...values: T[]]
  | readonly [typeof CLEAR];

/** For change feeds; a change outside of the list is told like any other. */
export function describeOperation(operation: unknown): unknown {
  const [kind, ...rest] = operation as Operation<unknown>;
  if (kind === APPEND) return { append: rest };
  if (kind === CLEAR) return { clear: true };
  const [index, value] = rest;
  if (kind === DELETE) return { delete: index };
  return kind === SET ? { set: index, value } : { insert: index, value };
}
