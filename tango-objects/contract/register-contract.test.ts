/** The contract of every object, for a register. */
import { contractSuite } from './contract-suite.ts';
import { registerContract } from './register-contract.ts';

contractSuite(registerContract).run();
