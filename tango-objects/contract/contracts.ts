/** The contracts of the objects that come with tangolog, and of one that an application might have. */
import { bankContract } from './bank-contract.ts';
import { counterContract } from './counter-contract.ts';
import { mapContract } from './map-contract.ts';
import type { ObjectContract } from './object-contract.ts';
import { registerContract } from './register-contract.ts';
import { setContract } from './set-contract.ts';

export const CONTRACTS: readonly ObjectContract[] = [
  registerContract,
  counterContract,
  mapContract,
  setContract,
  bankContract,
];
