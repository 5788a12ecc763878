/** The cases that every object passes. Each throws what is wrong, with the calls that show it. */
import fc from 'fast-check';
import type { CaseWorld } from './case-world.ts';
import { findsConflicts } from './conflict-case.ts';
import { Caller, expectSame, ModelCaller, type ObjectContract } from './object-contract.ts';
import { type Step, stepsOf, take } from './steps.ts';
import { keepsValues, refusesWhatCannotBeEncoded, takesLargeValues } from './value-cases.ts';

/** How random sequences are drawn. */
export interface Draw {
  readonly seed: number;
  readonly runs: number;
  /** Of a sequence that fails, whether a shorter one is looked for. */
  readonly shrinks: boolean;
}

export type ContractCase = (
  contract: ObjectContract,
  world: CaseWorld,
  draw: Draw,
) => Promise<void>;

/** By name: a sentence. */
export const CONTRACT_CASES: Readonly<Record<string, ContractCase>> = {
  'does what its model does, outside of transactions and within': followsModel,
  'a view that is opened late is what the live one is, from the log or a checkpoint': replays,
  'two views that change it in turns are the same at the same position': converges,
  'is in history what it was at each position': remembers,
  'conflicts where it says so, and nowhere else': findsConflicts,
  'a body that throws leaves the view as it was': takesBack,
  'values and keys come back as they went in': keepsValues,
  'what cannot be encoded is refused before anything is appended': refusesWhatCannotBeEncoded,
  'takes 10 MB as a value, and refuses a key of 1 MB': takesLargeValues,
};

const STEPS_MAX = 12;

async function followsModel(contract: ObjectContract, world: CaseWorld, draw: Draw) {
  await forSteps(contract, draw, async (steps) => {
    const caller = await world.openOne(contract);
    const model = await takeAll(caller, new ModelCaller(contract), steps);
    expectSame(caller.observe(), model.observe(), 'the object at the end');
  });
}

async function replays(contract: ObjectContract, world: CaseWorld, draw: Draw) {
  const { tango } = world;
  await forSteps(contract, { ...draw, runs: Math.ceil(draw.runs / 3) }, async (steps) => {
    const caller = await world.openOne(contract);
    const { name } = caller;
    const half = Math.ceil(steps.length / 2);
    let model = await takeAll(caller, new ModelCaller(contract), steps.slice(0, half));
    const expectLate = (how: string): Promise<void> => {
      return world.withLateClient(async (client) => {
        const late = await Caller.open(contract, client, name);
        expectSame(late.observe(), model.observe(), `a view that begins ${how}`);
      });
    };
    await expectLate('from the log');
    await tango.forget(await tango.checkpoint());
    await expectLate('from a checkpoint');
    model = await takeAll(caller, model, steps.slice(half));
    await expectLate('from a checkpoint and the log behind it');
    expectSame(caller.observe(), model.observe(), 'the live view');
  });
}

async function converges(contract: ObjectContract, world: CaseWorld, draw: Draw) {
  await forSteps(contract, draw, async (steps) => {
    const callers = await world.openTwo(contract);
    let model = new ModelCaller(contract);
    for (const [i, step] of steps.entries()) {
      model = await take(callers[i % 2], model, step);
      // Between, a call is the first that has to look at the log.
      if (i % 4 < 3 && i < steps.length - 1) continue;
      for (const [client, caller] of callers.entries()) {
        expectSame(caller.observe(), model.observe(), `client ${client} after step ${i}`);
      }
      const [one, two] = callers.map((caller) => caller.tango.stats().views.position);
      expectSame(one, two, 'the position of the views');
    }
  });
}

async function remembers(contract: ObjectContract, world: CaseWorld, draw: Draw) {
  const { tango } = world;
  const { type, options } = contract;
  await forSteps(contract, { ...draw, runs: Math.ceil(draw.runs / 2) }, async (steps) => {
    const caller = await world.openOne(contract);
    const states: [position: number, state: unknown][] = [];
    const note = (): void => {
      states.push([tango.log.tailSync(), caller.observe()]);
    };
    let model = new ModelCaller(contract);
    note();
    for (const step of steps) {
      model = await take(caller, model, step);
      note();
    }
    for (const [position, state] of states) {
      const past = await (await tango.at(position)).object(type, caller.name, options);
      expectSame(contract.observe(past), state, `the object at position ${position}`);
    }
  });
}

async function takesBack(contract: ObjectContract, world: CaseWorld, draw: Draw) {
  const { log } = world.tango;
  await forSteps(contract, draw, async ([last, ...steps]) => {
    const caller = await world.openOne(contract);
    const model = await takeAll(caller, new ModelCaller(contract), steps);
    const tail = log.tailSync();
    for (const how of ['transact', 'transactSync'] as const) {
      await take(caller, model, { ...last, how, end: 'throws' });
      expectSame(caller.observe(), model.observe(), 'the object, once a body has thrown');
    }
    expectSame(log.tailSync(), tail, 'the tail, once a body has thrown');
    for (const one of last.calls) {
      expectSame(caller.callSync(one), model.call(one), 'a call, once a body has thrown');
    }
  });
}

async function takeAll<O extends object>(
  caller: Caller<O>,
  model: ModelCaller,
  steps: readonly Step[],
): Promise<ModelCaller> {
  for (const step of steps) model = await take(caller, model, step);
  return model;
}

async function forSteps(
  contract: ObjectContract,
  { seed, runs, shrinks }: Draw,
  check: (steps: readonly Step[]) => Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(stepsOf(contract.calls, STEPS_MAX), check);
  const options = { seed, numRuns: runs, endOnFailure: !shrinks, includeErrorInReport: true };
  await fc.assert(property, options);
}
