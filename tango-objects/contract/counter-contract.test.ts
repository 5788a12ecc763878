/** The contract of every object, for a counter. */
import { contractSuite } from './contract-suite.ts';
import { counterContract } from './counter-contract.ts';

contractSuite(counterContract).run();
