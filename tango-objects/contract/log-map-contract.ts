/** A map whose values are in the log is what a map is. */
import { TangoLogMap } from '../tango-log-map.ts';
import { mapContract } from './map-contract.ts';
import type { ObjectContract } from './object-contract.ts';

export const logMapContract: ObjectContract = {
  ...(mapContract as unknown as ObjectContract),
  name: 'log map',
  type: TangoLogMap,
  options: { values: 'log' },
};
