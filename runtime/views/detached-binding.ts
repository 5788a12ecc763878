/** Objects that are played and read, and that nobody changes: in history, and for a checkpoint. */
import { TangoError } from '../../actors/tango-error.ts';
import { invalid } from '../arguments.ts';
import type { LogReference } from './log-reference.ts';
import type { ObjectPlayer } from './object-binding.ts';
import { newObject, type ObjectType } from './object-type.ts';
import type { ObjectId, Update } from './record.ts';

export interface DetachedObject<O> {
  readonly object: O;
  readonly player: ObjectPlayer;
}

/**
 * An object at its beginning. A change of it is ERR_UNSUPPORTED. `updateAt`: as of a binding. Throws
 * ERR_INVALID_ARGUMENT: no such class.
 */
export function detachedObject<O>(
  type: ObjectType<O>,
  id: ObjectId,
  name: string,
  options?: unknown,
  updateAt: (at: LogReference) => Update | undefined = () => undefined,
): DetachedObject<O> {
  let player: ObjectPlayer | undefined;
  const refuse = (): never => {
    const text = `this view is read-only: object=${name}`;
    throw new TangoError('ERR_UNSUPPORTED', text, { object: name });
  };
  const object = newObject(type, {
    id,
    name,
    options,
    sessions: undefined,
    bind: (own) => {
      player = own;
    },
    read: () => {},
    isInBody: () => false,
    change: async () => refuse(),
    changeSync: refuse,
    transact: async () => refuse(),
    transactSync: refuse,
    until: async () => refuse(),
    writer: 0,
    updateAt,
    turn: async () => {},
  });
  if (player === undefined) throw invalid('type', type, 'a class that extends TangoObject');
  return { object, player };
}
