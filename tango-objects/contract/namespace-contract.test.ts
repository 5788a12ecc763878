/** The contract of every object, for a namespace. */
import { contractSuite } from './contract-suite.ts';
import { namespaceContract } from './namespace-contract.ts';

contractSuite(namespaceContract).run();
