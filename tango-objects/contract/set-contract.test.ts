/** The contract of every object, for a set. */
import { contractSuite } from './contract-suite.ts';
import { setContract } from './set-contract.ts';

contractSuite(setContract).run();
