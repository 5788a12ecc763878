/** The contracts of the objects that come with tangolog, and of one that an application might have. */
import { bankContract } from './bank-contract.ts';
import { counterContract } from './counter-contract.ts';
import { indexedMapContract } from './indexed-map-contract.ts';
import { ledgersContract } from './ledgers-contract.ts';
import { listContract } from './list-contract.ts';
import { lockContract } from './lock-contract.ts';
import { logMapContract } from './log-map-contract.ts';
import { mapContract } from './map-contract.ts';
import { namespaceContract } from './namespace-contract.ts';
import type { ObjectContract } from './object-contract.ts';
import { queueContract } from './queue-contract.ts';
import { registerContract } from './register-contract.ts';
import { setContract } from './set-contract.ts';
import { sortedMapContract } from './sorted-map-contract.ts';

export const CONTRACTS: readonly ObjectContract[] = [
  registerContract,
  counterContract,
  mapContract,
  indexedMapContract,
  logMapContract,
  sortedMapContract,
  setContract,
  listContract,
  queueContract,
  lockContract,
  ledgersContract,
  namespaceContract,
  bankContract,
];
