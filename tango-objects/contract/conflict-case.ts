/** Every pair of a contract's conflicts: a call in a transaction, and one of another client meanwhile. */
import type { CaseWorld } from './case-world.ts';
import {
  type Call,
  type Conflicts,
  expectSame,
  inWords,
  ModelCaller,
  type ObjectContract,
} from './object-contract.ts';

interface Pair {
  readonly given: readonly Call[];
  readonly inBody: Call;
  readonly meanwhile: Call;
  readonly conflicts: boolean;
}

export async function findsConflicts(contract: ObjectContract, world: CaseWorld): Promise<void> {
  const wrong: string[] = [];
  for (const pair of contract.conflicts.flatMap(pairsOf)) {
    const found = await tryPair(contract, world, pair);
    if (found !== undefined) wrong.push(found);
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

/** Resolves to what is wrong with the number of attempts. */
async function tryPair(
  contract: ObjectContract,
  world: CaseWorld,
  { given, inBody, meanwhile, conflicts }: Pair,
): Promise<string | undefined> {
  const { tango } = world;
  const [one, two] = await world.openTwo(contract);
  const model = new ModelCaller(contract);
  for (const before of given) expectSame(one.callSync(before), model.call(before), inWords(before));
  let runs = 0;
  const result = tango.transactSync(() => {
    const found = one.callSync(inBody);
    if (++runs === 1) two.callSync(meanwhile);
    // One that changes nothing has no conflicts.
    world.witness.addSync(1);
    return found;
  });
  const words = `${inWords(inBody)} with ${inWords(meanwhile)} meanwhile`;
  const expected = conflicts ? 2 : 1;
  if (runs !== expected) {
    const before = given.map(inWords).join(', ');
    return `after ${before}: ${words}: attempts=${runs}, expected=${expected}`;
  }
  // Either way it is as if the transaction had begun when it was committed.
  model.call(meanwhile);
  expectSame(result, model.call(inBody), `what is given by ${words}`);
  expectSame(one.observe(), model.observe(), `the object after ${words}`);
  expectSame(two.observe(), model.observe(), `the other view after ${words}`);
  return undefined;
}

function pairsOf({ given, meanwhile, inBody }: Conflicts): Pair[] {
  return inBody.flatMap(([one, marks]) => {
    const marked = [...marks];
    if (marked.length !== meanwhile.length || !/^[x.]*$/.test(marks)) {
      throw new Error(`${inWords(one)}: x or . for each call of meanwhile was expected: ${marks}`);
    }
    return meanwhile.map((other, i): Pair => {
      return { given, inBody: one, meanwhile: other, conflicts: marked[i] === 'x' };
    });
  });
}
