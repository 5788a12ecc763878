/** The contract of every object, for a map. */
import { contractSuite } from './contract-suite.ts';
import { mapContract } from './map-contract.ts';

contractSuite(mapContract).run();
