/**
 * What a lock does for one that takes it and frees it at once: each time with the next token. Who waits, and
 * the death of a holder, are of threads: tango-lock.test.ts.
 */
import fc from 'fast-check';
import { TangoLock } from '../tango-lock.ts';
import { call, type ObjectContract } from './object-contract.ts';

class LockModel {
  token = 0;
  readonly waiting = 0;
  readonly holder = undefined;

  take(): number {
    return ++this.token;
  }
}

export const lockContract: ObjectContract<TangoLock, LockModel> = {
  name: 'lock',
  type: TangoLock,
  model: LockModel,
  observe: ({ waiting, holder }) => [waiting, holder],
  calls: fc.oneof(call('take'), call('waiting'), call('holder')),
  composed: (lock) => ({
    take: () => {
      const hold = lock.tryAcquireSync();
      hold?.releaseSync();
      return hold?.token;
    },
  }),
  conflicts: [
    {
      given: [['take']],
      meanwhile: [['take']],
      inBody: [
        [['take'], 'x'],
        [['holder'], 'x'],
        [['waiting'], 'x'],
      ],
    },
  ],
};
