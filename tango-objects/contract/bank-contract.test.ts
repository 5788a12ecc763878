/** The contract of every object, for a bank. */

import { bankContract } from './bank-contract.ts';
import { contractSuite } from './contract-suite.ts';

contractSuite(bankContract).run();
