/** The contract of every object, for a map whose values are in the log. */
import { contractSuite } from './contract-suite.ts';
import { logMapContract } from './log-map-contract.ts';

contractSuite(logMapContract).run();
