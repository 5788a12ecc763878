/** How a change feed tells the changes of a namespace. */
import {
  ANY_VERSION,
  CHECK,
  CREATE,
  DELETE,
  END_SESSION,
  MULTI,
  type Operation,
} from './node-operations.ts';
import { PERSISTENT } from './node-tree.ts';

/**
 * `{ create, data, ephemeralOwner?, sequential? }`, `{ set, data, version? }`, `{ delete, version? }`,
 * `{ multi }`, which has `{ check, version? }`, too, and `{ endSession }`; told as what was asked for,
 * whether it has changed anything or not.
 */
export function describeOperation(operation: unknown): unknown {
  const one = operation as Operation;
  switch (one[0]) {
    case MULTI:
      return { multi: one[1].map(describeOperation) };
    case END_SESSION:
      return { endSession: one[1] };
    case CREATE: {
      const [, create, data, owner, isSequential] = one;
      const ephemeral = owner === PERSISTENT ? {} : { ephemeralOwner: owner };
      return { create, data, ...ephemeral, ...(isSequential ? { sequential: true } : {}) };
    }
    case DELETE:
      return { delete: one[1], ...versionOf(one[2]) };
    case CHECK:
      return { check: one[1], ...versionOf(one[2]) };
    default:
      return { set: one[1], data: one[2], ...versionOf(one[3]) };
  }
}

function versionOf(version: number): { version?: number } {
  return version === ANY_VERSION ? {} : { version };
}
