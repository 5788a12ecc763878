/** The suite of one object: `contractSuite(bankContract).run()`. */
import { randomInt } from 'node:crypto';
import { suite, type Test } from 'uvu';
import { within } from '../../shared-memory/within.ts';
import { chosen } from '../chosen-cases.ts';
import { CaseWorld } from './case-world.ts';
import { CONTRACT_CASES } from './contract-cases.ts';
import type { ObjectContract } from './object-contract.ts';

/** Of random sequences, for each case that has any. */
const RUNS = Number(process.env.RUNS ?? 15);
const SEED = Number(process.env.SEED ?? randomInt(1_000_000));
const CASE_MS_MAX = 60_000 + 1000 * RUNS;

export function contractSuite(contract: ObjectContract): Test {
  const cases = chosen(suite(contract.name));
  let world: CaseWorld;
  cases.before(async () => {
    world = await CaseWorld.open();
  });
  cases.after(() => world.close());
  for (const [name, check] of Object.entries(CONTRACT_CASES)) {
    cases(`${contract.name}: ${name}`, async () => {
      const draw = { seed: SEED, runs: RUNS, shrinks: true };
      try {
        await within(CASE_MS_MAX, name, check(contract, world, draw));
      } catch (error) {
        const again = `SEED=${SEED} RUNS=${RUNS} CASE='${name}' node ${process.argv[1]}`;
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`again with: ${again}\n${text}`, { cause: error });
      }
    });
  }
  return cases;
}
