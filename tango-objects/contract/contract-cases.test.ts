/** Each case of the contract fails an object that is wrong in the way it looks for. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../../actors/tango-error.ts';
import type { ApplyContext } from '../../runtime/views/playback.ts';
import { TangoObject } from '../../runtime/views/tango-object.ts';
import { CaseWorld } from './case-world.ts';
import { CONTRACT_CASES } from './contract-cases.ts';
import { call, type ObjectContract } from './object-contract.ts';

type Sums = Map<unknown, unknown>;
type Operation = readonly [key: unknown, value: unknown];

/** Of each key, the last value; right in all ways. */
class Right extends TangoObject<Operation> {
  static readonly typeName: string = 'right';
  protected held: Sums = new Map();

  get(key: unknown): unknown {
    return this.query(() => this.held.get(key), key);
  }

  entries(): unknown[] {
    return this.query(() => [...this.held]);
  }

  /** Resolves to what was there. */
  set(key: unknown, value: unknown): Promise<unknown> {
    return this.update([key, value], [key]);
  }

  setSync(key: unknown, value: unknown): unknown {
    return this.updateSync([key, value], [key]);
  }

  protected apply([key, value]: Operation, _at: ApplyContext): unknown {
    const before = this.held.get(key);
    this.held.set(key, value);
    return before;
  }

  protected checkpoint(): unknown {
    return this.held;
  }

  protected restore(state: unknown): void {
    this.held = state as Sums;
  }
}

class RightModel {
  readonly held: Sums = new Map();

  get(key: unknown): unknown {
    return this.held.get(key);
  }

  entries(): unknown[] {
    return [...this.held];
  }

  set(key: unknown, value: unknown): unknown {
    const before = this.held.get(key);
    this.held.set(key, value);
    return before;
  }
}

const key = fc.constantFrom('a', 'b');
const right: ObjectContract<Right, RightModel> = {
  name: 'right',
  type: Right,
  model: RightModel,
  observe: (one) => [...one.entries()],
  calls: fc.oneof(call('set', key, fc.nat({ max: 99 })), call('get', key)),
  conflicts: [
    {
      given: [['set', 'a', 1]],
      meanwhile: [
        ['set', 'a', 2],
        ['set', 'b', 2],
      ],
      inBody: [
        [['get', 'a'], 'x.'],
        [['entries'], 'xx'],
        [['set', 'b', 3], '.x'],
      ],
    },
  ],
  holders: [
    { name: 'value', put: (one) => ['set', 'key', one], found: (object) => object.get('key') },
    {
      name: 'key',
      put: (one) => ['set', one, 1],
      found: (object) => (object.entries()[0] as [unknown, unknown])[0],
      isKey: true,
    },
  ],
};

class TellsWhatIsThere extends Right {
  protected override apply(operation: Operation, at: ApplyContext): unknown {
    super.apply(operation, at);
    return operation[1];
  }
}

class ReadsWithoutPlayback extends Right {
  override get(wanted: unknown): unknown {
    return this.held.get(wanted);
  }
}

class ReadsAnotherKey extends Right {
  override get(wanted: unknown): unknown {
    return this.query(() => this.held.get(wanted), 'another');
  }
}

class ChangesTheWhole extends Right {
  override set(wanted: unknown, value: unknown): Promise<unknown> {
    return this.update([wanted, value]);
  }

  override setSync(wanted: unknown, value: unknown): unknown {
    return this.updateSync([wanted, value]);
  }
}

class ForgetsInCheckpoints extends Right {
  protected override checkpoint(): unknown {
    return new Map([...this.held].slice(1));
  }

  protected override tryOut(): () => void {
    const held = new Map(this.held);
    return () => {
      this.held = held;
    };
  }
}

class StaysOnTrial extends Right {
  protected override tryOut(): () => void {
    return () => {};
  }
}

/** Views of one thread have one state. */
const shared: Sums = new Map();
class SharesItsState extends Right {
  protected override held = shared;
}

class DependsOnTheView extends Right {
  readonly #number = views++;

  protected override apply([wanted, value]: Operation, at: ApplyContext): unknown {
    return super.apply([wanted, `${value} ${this.#number}`], at);
  }
}
let views = 0;

class KeepsJson extends Right {
  override setSync(wanted: unknown, value: unknown): unknown {
    return super.setSync(wanted, JSON.parse(JSON.stringify([value]))[0]);
  }
}

class AppendsFirst extends Right {
  override setSync(wanted: unknown, value: unknown): unknown {
    super.setSync('under way', true);
    return super.setSync(wanted, value);
  }
}

class RefusesInApply extends Right {
  override setSync(wanted: unknown, value: unknown): unknown {
    try {
      return super.setSync(wanted, value);
    } catch {
      throw new TangoError('ERR_CORRUPT', 'another code');
    }
  }
}

class KeysOfAnySize extends Right {
  override setSync(wanted: unknown, value: unknown): unknown {
    return this.updateSync([wanted, value], []);
  }

  override set(wanted: unknown, value: unknown): Promise<unknown> {
    return this.update([wanted, value], []);
  }
}

const [MODEL, REPLAY, CONVERGES, HISTORY, CONFLICTS, TRIAL, VALUES, REFUSED, LARGE] =
  Object.keys(CONTRACT_CASES);
const WRONG: readonly (readonly [caseName: string, type: typeof Right, message: RegExp])[] = [
  [MODEL, TellsWhatIsThere, /what set\(.*\) gives/],
  [MODEL, StaysOnTrial, /the object|gives|the body/],
  [REPLAY, ForgetsInCheckpoints, /a view that begins from a checkpoint/],
  [CONVERGES, ReadsWithoutPlayback, /gives/],
  [CONVERGES, DependsOnTheView, /client \d|gives|the body/],
  [HISTORY, SharesItsState, /position/],
  [CONFLICTS, ReadsAnotherKey, /get\('a'\) with set\('a', 2\) meanwhile: attempts=1, expected=2/],
  [CONFLICTS, ChangesTheWhole, /get\('a'\) with set\('b', 2\) meanwhile: attempts=2, expected=1/],
  [TRIAL, StaysOnTrial, /the object, once a body has thrown|the body/],
  [VALUES, KeepsJson, /the value/],
  [REFUSED, AppendsFirst, /the tail/],
  [REFUSED, RefusesInApply, /the codes of a/],
  [LARGE, KeysOfAnySize, /the codes of a key/],
];

const contract = suite('contract');
const DRAW = { seed: Number(process.env.SEED ?? 1), runs: 20, shrinks: false };
let world: CaseWorld;

contract.before(async () => {
  world = await CaseWorld.open();
});
contract.after(() => world.close());

async function expectFound(
  name: string,
  wrong: Partial<ObjectContract<Right, RightModel>>,
  message: RegExp,
): Promise<void> {
  await CONTRACT_CASES[name]({ ...right, ...wrong }, world, DRAW).then(
    () => assert.unreachable('the case has passed'),
    (error: Error) => assert.match(error.message, message),
  );
}

for (const [name, type, message] of WRONG) {
  contract(`${type.name} is found by: ${name}`, () => expectFound(name, { type }, message));
}

for (const [name, check] of Object.entries(CONTRACT_CASES)) {
  contract(`an object that is right passes: ${name}`, () => check(right, world, DRAW));
}

contract('a table of conflicts has a mark for each pair', async () => {
  for (const marks of ['x', 'xy', 'x.x']) {
    const conflicts = [{ ...right.conflicts[0], inBody: [[['get', 'a'], marks]] as const }];
    await expectFound(CONFLICTS, { conflicts }, /x or \. for each call/);
  }
});

contract.run();
