/** The contract of every object, for indexed maps. */
import { contractSuite } from './contract-suite.ts';
import { indexedMapContract } from './indexed-map-contract.ts';

contractSuite(indexedMapContract).run();
