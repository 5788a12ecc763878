/** The contract of every object, for ledgers. */
import { contractSuite } from './contract-suite.ts';
import { ledgersContract } from './ledgers-contract.ts';

contractSuite(ledgersContract).run();
