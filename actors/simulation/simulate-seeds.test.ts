import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Caller, Echo } from './relay-actors.ts';
import { type CreateWorld, runSeeds, type SeedOptions } from './simulate-seeds.ts';

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
