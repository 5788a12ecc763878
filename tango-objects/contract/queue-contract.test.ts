/** The contract of every object, for a queue. */
import { contractSuite } from './contract-suite.ts';
import { queueContract } from './queue-contract.ts';

contractSuite(queueContract).run();
