/** The contract of every object, for sorted maps. */
import { contractSuite } from './contract-suite.ts';
import { sortedMapContract } from './sorted-map-contract.ts';

contractSuite(sortedMapContract).run();
