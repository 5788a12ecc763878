import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Caller, Echo } from '../../actors/simulation/relay-actors.ts';
import type { CreateWorld } from '../../actors/simulation/simulate-seeds.ts';
import { checkFlags, commandAsTyped, simulateAndTell } from './simulate-command.ts';
import { type SimulateOptions, type Simulation, simulate } from './simulate-job.ts';
import type { Totals } from './totals.ts';

const simulation = suite('simulate');

const never = new AbortController().signal;

/** Two actors that talk: a small world with faults and marks. */
function relay(createWorld: CreateWorld): void {
  const world = createWorld({ faults: { killable: [1] } });
  const caller = new Caller([1], 20, 100);
  world.add(1, new Echo());
  world.add(2, caller);
  world.run({ untilMs: 5000 });
  if (caller.finished) world.mark('caller finished');
}

const GOOD: Simulation = {
  run: (_seed, createWorld) => {
    relay(createWorld);
    return undefined;
  },
  rareEvents: ['caller finished', 'sky fell'],
};

/** Breaks a rule in seed 17. */
const BROKEN: Simulation = {
  rareEvents: [],
  run: (seed, createWorld) => {
    relay(createWorld);
    if (seed !== 17) return undefined;
    const origin = new Error('position 4 has two values');
    throw new Error('rule 3 of the log is broken: position 4 has two values', { cause: origin });
  },
};

interface Told {
  readonly out: string;
  /** Of what was thrown. */
  readonly error: string;
}

async function tell(
  flags: Parameters<typeof checkFlags>[0],
  what: Simulation,
  signal = never,
): Promise<Told> {
  let out = '';
  const stream = { write: (text: string) => (out += text) };
  try {
    await simulateAndTell(checkFlags(flags), what, stream, signal);
    return { out, error: '' };
  } catch (error) {
    return { out, error: (error as Error).message };
  }
}

function run(options: Partial<SimulateOptions>, what: Simulation) {
  const usual = { from: 1, seeds: 50, single: false, trace: false };
  return simulate({ ...usual, ...options }, what, { write: () => {} }, never);
}

simulation(
  'a violation ends the run: the rule, the seed, the command that repeats it',
  async () => {
    const { out, error } = await tell({ seeds: 100 }, BROKEN);
    const command = `${commandAsTyped()} simulate --seed 17`;
    assert.is(
      error,
      'seed 17 fails: rule 3 of the log is broken: position 4 has two values\n' +
        `repeat: ${command}`,
    );
    assert.match(out, /^16 seeds, /m);
    assert.not.match(out, /^ok$/m);
  },
);

simulation('the command that repeats has the limit of events as well', async () => {
  const { error } = await tell({ seeds: 100, steps: 5000 }, BROKEN);
  assert.match(error, / simulate --seed 17 --steps 5000$/);
});

simulation('one seed that fails tells its last steps and where the error was thrown', async () => {
  const { out, error } = await tell({ seed: 17 }, BROKEN);
  assert.match(error, /^seed 17 fails: rule 3 .*\nthe last steps, in virtual time:\n/);
  assert.match(error, /^ +[\d.]+ ms {2}sent +caller#2 -> echo#1 {2}SEQUENCER_NEXT /m);
  assert.match(error, /^thrown:\n +at .*simulate\.test\.[jt]s/m);
  assert.match(error, /\nrepeat: .* simulate --seed 17$/);
  assert.is(out, 'the whole log in the simulator: seed 17\n');
});

simulation('--trace tells the last steps when nothing is wrong', async () => {
  const quiet = await tell({ seed: 4 }, GOOD);
  const traced = await tell({ seed: 4, trace: true }, GOOD);
  assert.not.match(quiet.out, 'SEQUENCER_NEXT');
  assert.match(traced.out, 'SEQUENCER_NEXT');
  assert.match(traced.out, /\nok\n$/);
});

simulation('adds up what the seeds met, and lists rare events that none met', async () => {
  const { totals } = await run({}, GOOD);
  const ones: Totals[] = [];
  for (let seed = 1; seed <= 50; seed++)
    ones.push((await run({ from: seed, seeds: 1 }, GOOD)).totals);
  const sum = (pick: (one: Totals) => number): number =>
    ones.reduce((total, one) => total + pick(one), 0);
  assert.is(totals.seeds, 50);
  assert.is(
    totals.steps,
    sum((one) => one.steps),
  );
  assert.is(Math.round(totals.virtualMs), Math.round(sum((one) => one.virtualMs)));
  for (const kind of ['messages lost', 'actors killed', 'actors stalled']) {
    const tally = totals.faults.get(kind)!;
    assert.is(
      tally.times,
      sum((one) => one.faults.get(kind)!.times),
      kind,
    );
    assert.is(tally.seeds, ones.filter((one) => one.faults.get(kind)!.times > 0).length, kind);
    assert.ok(tally.seeds > 0 && tally.seeds < 50, kind);
  }
  assert.ok(totals.marks.get('caller finished')!.times > 0);
  assert.equal(totals.marks.get('sky fell'), { times: 0, seeds: 0 });
  assert.match((await tell({ seeds: 5 }, GOOD)).out, /^sky fell +0 +0$/m);
});

simulation('a seed of several worlds is one seed, and marks may be returned', async () => {
  const { totals } = await run(
    { seeds: 3 },
    {
      rareEvents: [],
      run: (_seed, createWorld) => {
        for (const world of [createWorld(), createWorld()]) world.mark('met');
        return new Map([['met', 5]]);
      },
    },
  );
  assert.equal(totals.marks.get('met'), { times: 21, seeds: 3 });
});

simulation('the trace hash is that of what happened, in every seed', async () => {
  const hash = async (options: Partial<SimulateOptions>): Promise<string> =>
    (await run(options, GOOD)).totals.traceHash;
  assert.match(await hash({}), /^[\da-f]{16}$/);
  assert.is(await hash({}), await hash({ trace: true }));
  assert.is.not(await hash({}), await hash({ seeds: 49 }));
  assert.is.not(await hash({}), await hash({ from: 2 }));
  assert.is.not(await hash({}), await hash({ steps: 10 }));
});

simulation('--steps ends seeds early and says what was left out', async () => {
  const { totals } = await run({ steps: 10 }, GOOD);
  assert.is(totals.steps, 10 * totals.cutShort);
  assert.is(totals.cutShort, 50);
  const { out, error } = await tell({ seeds: 50, steps: 10 }, BROKEN);
  assert.is(error, '');
  assert.match(out, /^50 seeds cut short by --steps: what is checked at the end /m);
});

simulation('an abort ends the run after the seed under way', async () => {
  const stop = new AbortController();
  const { out, error } = await tell(
    { seeds: 100 },
    {
      rareEvents: [],
      run: (seed) => {
        if (seed === 3) stop.abort();
        return undefined;
      },
    },
    stop.signal,
  );
  assert.is(error, '');
  assert.match(out, /^3 seeds, .*, stopped early: 100 were to be run$/m);
  assert.match(out, /\nok\n$/);
});

simulation('the variable SEED of the tests has no part in it', async () => {
  const before = process.env.SEED;
  process.env.SEED = '17';
  try {
    assert.is((await run({ seeds: 10 }, BROKEN)).totals.seeds, 10);
  } finally {
    if (before === undefined) delete process.env.SEED;
    else process.env.SEED = before;
  }
});

simulation('repeats with the words that started the process', () => {
  assert.is(commandAsTyped('/p/node_modules/.bin/tangolog', {}), 'tangolog');
  const npx = { npm_command: 'exec' };
  assert.is(commandAsTyped('/p/node_modules/.bin/tangolog', npx), 'npx tangolog');
  const script = `${process.cwd()}/dist/bench/tangolog.js`;
  assert.is(commandAsTyped(script, {}), 'node dist/bench/tangolog.js');
});

simulation.run();
