/** Assertions that stay on in production: a broken invariant stops the thread before it spreads. */

/** A bug in this library, or scribbled memory: never an operating condition. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError unless `condition` holds; `invariant` says in words what should hold. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(invariant);
}
