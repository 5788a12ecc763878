/** The contract of every object, for a list. */
import { contractSuite } from './contract-suite.ts';
import { listContract } from './list-contract.ts';

contractSuite(listContract).run();
