/** Objects that are played and read, and that nobody changes: in history, and for a checkpoint. */
import { TangoError } from '../../actors/tango-error.ts';
import { invalid } from '../arguments.ts';
import type { ObjectType } from './object-type.ts';
import type { ObjectId } from './record.ts';
import type { ObjectPlayer } from './replicated-object.ts';

export interface DetachedObject<O> {
  readonly object: O;
  readonly player: ObjectPlayer;
}

/** An object at its beginning. A change of it is ERR_UNSUPPORTED. ERR_INVALID_ARGUMENT: no such class. */
export function detachedObject<O>(
  type: ObjectType<O>,
  id: ObjectId,
  name: string,
  options?: unknown,
): DetachedObject<O> {
  let player: ObjectPlayer | undefined;
  const refuse = (): never => {
    const text = `this view is read-only: object=${name}`;
    throw new TangoError('ERR_UNSUPPORTED', text, { object: name });
  };
  const object = new type({
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
  });
  if (player === undefined) throw invalid('type', type, 'a class that extends TangoObject');
  return { object, player };
}
