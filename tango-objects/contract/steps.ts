/** Calls by chance, alone and in transactions, on an object and on its model: both give the same. */
import fc from 'fast-check';
import {
  type Call,
  type Caller,
  expectSame,
  inWords,
  type ModelCaller,
} from './object-contract.ts';

export interface Step {
  /** `turn`: as promises, in one turn of the event loop. */
  readonly how: 'sync' | 'promise' | 'turn' | 'transact' | 'transactSync';
  readonly calls: readonly Call[];
  /** In a transaction: where a nested call begins, which ends with the last of the calls. */
  readonly nestedFrom: number;
  readonly end: 'returns' | 'nested throws' | 'throws';
}

const CALLS_A_STEP_MAX = 5;
const ABANDONED = new Error('the body gives up');

export function stepsOf(calls: fc.Arbitrary<Call>, maxLength: number): fc.Arbitrary<Step[]> {
  const step = fc.record<Step>(
    {
      how: fc.constantFrom('sync', 'promise', 'turn', 'transact', 'transactSync'),
      calls: fc.array(calls, { minLength: 1, maxLength: CALLS_A_STEP_MAX }),
      nestedFrom: fc.nat({ max: CALLS_A_STEP_MAX }),
      end: fc.constantFrom('returns', 'returns', 'nested throws', 'throws'),
    },
    { noNullPrototype: true },
  );
  return fc.array(step, { minLength: 1, maxLength, size: 'max' });
}

/** Resolves to the model as it is afterwards. Throws where a call gives another thing than the model's. */
export async function take<O extends object>(
  caller: Caller<O>,
  model: ModelCaller,
  step: Step,
): Promise<ModelCaller> {
  const { how, calls } = step;
  if (how === 'transact' || how === 'transactSync') return await transact(caller, model, step);
  if (how === 'turn') {
    // What is read now does not see what is under way.
    const changes = calls.filter((one) => caller.isPlainChange(one));
    const results = await Promise.all(changes.map((one) => caller.call(one)));
    for (const [i, one] of changes.entries()) expectResult(one, results[i], model);
    return model;
  }
  for (const one of calls) {
    const result = how === 'sync' ? caller.callSync(one) : await caller.call(one);
    expectResult(one, result, model);
  }
  return model;
}

async function transact<O extends object>(
  caller: Caller<O>,
  model: ModelCaller,
  step: Step,
): Promise<ModelCaller> {
  const { tango } = caller;
  const { end } = step;
  let after = model;
  const body = (): void => {
    after = inBody(caller, model, step);
    if (end === 'throws') throw ABANDONED;
  };
  try {
    if (step.how === 'transact') await tango.transact(body);
    else tango.transactSync(body);
  } catch (error) {
    if (error !== ABANDONED) throw error;
  }
  return end === 'throws' ? model : after;
}

/** The model as it is if the body returns. After each call the body sees the object as the model is. */
function inBody<O extends object>(
  caller: Caller<O>,
  model: ModelCaller,
  { calls, nestedFrom, end }: Step,
): ModelCaller {
  const outer = model.copy();
  for (const one of calls.slice(0, nestedFrom)) callInBody(caller, outer, one);
  const inner = outer.copy();
  try {
    caller.tango.transactSync(() => {
      for (const one of calls.slice(nestedFrom)) callInBody(caller, inner, one);
      if (end === 'nested throws') throw ABANDONED;
    });
  } catch (error) {
    if (error !== ABANDONED) throw error;
    expectSame(caller.observe(), outer.observe(), 'the body, once a nested one has given up');
    return outer;
  }
  return inner;
}

function callInBody<O extends object>(caller: Caller<O>, model: ModelCaller, one: Call): void {
  expectResult(one, caller.callSync(one), model);
  expectSame(caller.observe(), model.observe(), `the body, after ${inWords(one)}`);
}

function expectResult(one: Call, result: unknown, model: ModelCaller): void {
  expectSame(result, model.call(one), `what ${inWords(one)} gives`);
}
