/** Lists that mostly hold one element: an empty array that is pushed to takes room for seventeen. */

/** Replaced, never changed. */
export const NO_ELEMENTS: never[] = [];

/** The list with the element at its end: the same one, but for the first. */
export function added<T>(list: T[], element: T): T[] {
  if (list.length === 0) return [element];
  list.push(element);
  return list;
}
