/** The contract of every object, for a lock. */
import { contractSuite } from './contract-suite.ts';
import { lockContract } from './lock-contract.ts';

contractSuite(lockContract).run();
