/** Rules that are broken on purpose: the executions have to find each of them out. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogClient } from '../../runtime/log-client.ts';
import { ReadSet } from '../../runtime/views/read-set.ts';
import { Transaction } from '../../runtime/views/transaction.ts';
import { Views } from '../../runtime/views/views.ts';
import { Execution } from './execution.ts';
import { explore } from './explore.ts';
import { BodyAborts, type Mode, type Scenario, type TransactionSpec } from './scenario.ts';
import { blind, reader } from './scenario-parts.ts';

const mutants = suite('anomaly mutants');
const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
const MODE: Mode = { layout: 'partial hosts', fault: 'none', grain: 'parts' };

type Method = (this: unknown, ...values: never[]) => unknown;

/** While transactions run, and not while the stage is set. */
let isRunning = false;

interface Patch {
  readonly target: object;
  readonly method: string;
  by(original: Method): Method;
}

const RUNS: Patch = {
  target: Execution.prototype,
  method: 'run',
  by: (original) =>
    async function (this: unknown) {
      isRunning = true;
      await original.call(this);
      isRunning = false;
    },
};

async function broken<T>(patches: readonly Patch[], body: () => Promise<T>): Promise<T> {
  const originals = patches.map(({ target, method }) => Reflect.get(target, method) as Method);
  for (const [i, { target, method, by }] of patches.entries()) {
    Reflect.set(target, method, by(originals[i]));
  }
  try {
    return await body();
  } finally {
    for (const [i, { target, method }] of patches.entries()) {
      Reflect.set(target, method, originals[i]);
    }
  }
}

function scenario(...transactions: TransactionSpec[]): Scenario {
  return { name: 'mutant', keys: 'zw', transactions, expect: () => 'end', ends: { none: ['end'] } };
}

const skew = scenario(
  ...['xy', 'yx'].map(
    ([own, other], i): TransactionSpec => ({
      name: `T${i + 1}`,
      body(s) {
        s.set(own, (s.get(other) ?? 0) + 1);
      },
    }),
  ),
);
const apart = scenario(
  {
    name: 'T1',
    body(s) {
      s.set('y', s.get('x') ?? 0);
    },
  },
  blind('T2', { z: 1 }),
);
const inserts = scenario(
  ...['z', 'w'].map(
    (key, i): TransactionSpec => ({
      name: `T${i + 1}`,
      body(s) {
        s.set(key, s.scan().size);
      },
    }),
  ),
);
const aborts = scenario(
  {
    name: 'T1',
    body(s) {
      s.set('x', 101);
      s.get('x');
      throw new BodyAborts('T1 does not want to');
    },
  },
  reader('T2', 'x'),
);

/** Without any mutant nothing is found; with each of them what is told matches. */
function finds(name: string, one: Scenario, told: RegExp, ...patches: Patch[]): void {
  mutants(`finds out: ${name}`, async () => {
    assert.ok((await explore(one, MODE, settle)).executions > 5);
    let message = '';
    try {
      await broken(patches, () => explore(one, MODE, settle));
    } catch (error) {
      message = (error as Error).message;
    }
    assert.match(message, told);
  });
}

finds('what was read is no part of the decision', skew, /read what .* has changed before it/, {
  target: ReadSet.prototype,
  method: 'isTouchedBy',
  by: () => () => false,
});

finds('a read is hidden from its transaction', skew, /read what .* has changed before it/, {
  target: Transaction.prototype,
  method: 'read',
  by: () => () => undefined,
});

finds('a scan registers no read', inserts, /read what .* has changed before it/, {
  target: Transaction.prototype,
  method: 'read',
  by: (original) =>
    function (this: unknown, ...values: never[]) {
      return values[1] === undefined ? undefined : original.apply(this, values);
    },
});

let calls = 0;
finds('each client decides by something of its own', skew, /views of . differ|was told|is lost/, {
  target: ReadSet.prototype,
  method: 'isTouchedBy',
  by: (original) =>
    function (this: unknown, ...values: never[]) {
      return calls++ % 3 !== 0 && original.apply(this, values);
    },
});

finds('every change counts as one of what was read', apart, /is in conflict with nobody/, {
  target: ReadSet.prototype,
  method: 'isTouchedBy',
  by: () => () => true,
});

finds('what a body has tried stays in its view', aborts, /views of . differ|its list is/, {
  target: Transaction.prototype,
  method: 'takeBack',
  by: () => () => undefined,
});

finds(
  'an entry is appended twice',
  scenario(blind('T1', { x: 11 }), reader('T2', 'x')),
  /duplicate/,
  RUNS,
  {
    target: LogClient.prototype,
    method: 'append',
    by: (original) =>
      function (this: unknown, ...values: never[]) {
        const [payload, streams, urgent, , kind] = values;
        const nobody = { appended: () => {}, failed: () => {} } as never;
        if (isRunning) original.apply(this, [payload, streams, urgent, nobody, kind]);
        return original.apply(this, values);
      },
  },
);

finds(
  'a transaction begins with the view as it is',
  scenario(blind('T1', { x: 11 }), reader('T2', 'x')),
  /realtime/,
  RUNS,
  {
    target: Views.prototype,
    method: 'sync',
    by: (original) =>
      async function (this: unknown) {
        return isRunning ? (this as Views).position : original.call(this);
      },
  },
);

mutants.run();
