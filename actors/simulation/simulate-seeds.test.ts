import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_FAULTS } from './faults.ts';
import { Caller, Echo } from './relay-actors.ts';
import {
  type CreateWorld,
  faultsOf,
  runSeed,
  runSeeds,
  SeedFailure,
  type SeedOptions,
  type SeedRun,
  traceOf,
} from './simulate-seeds.ts';

const seeds = suite('simulate seeds');

/** SEED belongs to these tests while they run: they say themselves which seeds are run. */
function withSeed<Result>(seed: string | undefined, action: () => Result): Result {
  const before = process.env.SEED;
  if (seed === undefined) delete process.env.SEED;
  else process.env.SEED = seed;
  try {
    return action();
  } finally {
    if (before === undefined) delete process.env.SEED;
    else process.env.SEED = before;
  }
}

function relay(createWorld: CreateWorld): void {
  const world = createWorld({ faults: { killable: [1], killsMax: 1 } });
  const caller = new Caller([1], 20, 100);
  world.add(1, new Echo());
  world.add(2, caller);
  world.run({ untilMs: 5000 });
  if (caller.finished) world.mark('caller finished');
  if (caller.retries > 0) world.mark('caller retried');
}

function run(options: Partial<SeedOptions>) {
  return runSeeds({ name: 'relay', count: 100, run: () => undefined, ...options });
}

function failure(action: () => void): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

seeds('runs every seed of the range once', () => {
  const ran: number[] = [];
  const report = withSeed(undefined, () =>
    run({
      from: 5,
      count: 4,
      run: (seed) => {
        ran.push(seed);
      },
    }),
  );
  assert.equal(ran, [5, 6, 7, 8]);
  assert.is(report.seeds, 4);
});

seeds('collects the marks and the faults of every world', () => {
  const report = withSeed(undefined, () =>
    run({
      run: (_seed, createWorld) => {
        relay(createWorld);
      },
    }),
  );
  report.expectMarks(['caller finished', 'caller retried', 'messages lost', 'actors killed']);
  report.expectMarks(['messages overtaken', 'messages vanished', 'actors stalled']);
  const message = failure(() => report.expectMarks(['caller finished', 'sky fell']));
  assert.is(message, "relay: never happened in 100 seeds: 'sky fell'");
});

seeds('takes the marks that a run returns', () => {
  const report = withSeed(undefined, () =>
    run({ count: 3, run: (seed) => new Map([['odd', seed % 2]]) }),
  );
  assert.is(report.marks.get('odd'), 2);
});

seeds('a failure names the seed, the command and the last steps', () => {
  const message = withSeed(undefined, () =>
    failure(() =>
      run({
        file: import.meta.url,
        run: (seed, createWorld) => {
          relay(createWorld);
          if (seed === 17) throw new Error('not linearizable');
        },
      }),
    ),
  );
  assert.match(message, 'relay: seed 17 fails: not linearizable');
  assert.match(message, /repeat: SEED=17 node \S*actors\/simulation\/simulate-seeds\.test\.[jt]s$/);
  assert.match(message, /\d ms {2}sent +caller#2 -> echo#1 {2}SEQUENCER_NEXT operation=/);
  assert.match(message, /\d ms {2}delivered +echo#1 -> caller#2 {2}SEQUENCER_GRANTED operation=/);
});

seeds('SEED runs that seed alone, and asks for no marks', () => {
  const ran: number[] = [];
  const report = withSeed('1234', () =>
    run({
      run: (seed) => {
        ran.push(seed);
      },
    }),
  );
  assert.equal(ran, [1234]);
  report.expectMarks(['sky fell']);
});

/** One seed of a relay in a calm world that ends with an error of its own if it gets so far. */
const FAILING: SeedRun = {
  name: 'relay',
  run: (_seed, createWorld) => {
    const world = createWorld({ faults: NO_FAULTS, stepsMax: 1000 });
    world.add(1, new Echo());
    world.add(2, new Caller([1], 20, 100));
    world.run();
    throw new Error('the end was reached');
  },
};

seeds('a seed is cut short after its steps, and that is no failure', () => {
  const { worlds, steps, cutShort } = runSeed(3, { ...FAILING, steps: 10, traceLines: 5 });
  assert.is(cutShort, true);
  assert.is(steps, 10);
  assert.is(traceOf(worlds).split('\n').length, 5);
});

seeds('a seed that needs fewer steps fails as without the limit', () => {
  assert.match(
    failure(() => runSeed(3, { ...FAILING, steps: 900 })),
    'seed 3 fails: the end was reached',
  );
});

seeds('the limit of steps does not hide actors that keep each other busy', () => {
  const busy: SeedRun = {
    name: 'busy',
    run: (_seed, createWorld) => {
      const world = createWorld({ stepsMax: 50 });
      const again = (): void => world.schedule(1, again);
      again();
      world.run();
      return undefined;
    },
  };
  assert.match(
    failure(() => runSeed(1, { ...busy, steps: 51 })),
    'no rest after 50 steps',
  );
  assert.is(runSeed(1, { ...busy, steps: 49 }).cutShort, true);
});

seeds('one seed is run whatever SEED says, and tells its worlds, marks and faults', () => {
  const outcome = withSeed('1234', () =>
    runSeed(5, {
      name: 'relay',
      run: (seed, createWorld) => {
        const world = createWorld({ faults: { ...NO_FAULTS, killable: [1] } });
        world.add(1, new Echo());
        world.kill(1);
        return { seed };
      },
    }),
  );
  assert.equal(outcome.marks, { seed: 5 });
  assert.is(outcome.cutShort, false);
  assert.equal(
    outcome.worlds.map((world) => world.seed),
    [5],
  );
  assert.is(faultsOf(outcome.worlds[0])['actors killed'], 1);
});

seeds('a failure carries the reason and the trace', () => {
  try {
    runSeed(3, FAILING);
  } catch (error) {
    assert.instance(error, SeedFailure);
    const { seed, reason, trace } = error as SeedFailure;
    assert.is(seed, 3);
    assert.is(reason, 'the end was reached');
    assert.match(trace, 'SEQUENCER_GRANTED');
    return;
  }
  assert.unreachable();
});

seeds('stops beginning seeds when the budget is spent', () => {
  const busyMs = 2;
  const report = withSeed(undefined, () =>
    run({
      count: 1_000_000,
      budgetMs: 20,
      run: () => {
        const end = performance.now() + busyMs;
        while (performance.now() < end);
      },
    }),
  );
  assert.ok(report.seeds >= 1 && report.seeds <= 10 + 1);
});

seeds.run();
