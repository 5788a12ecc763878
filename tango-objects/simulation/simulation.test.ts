/** Objects in the simulator. SEED=n repeats one seed, SEEDS=n runs so many. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeed, runSeeds } from '../../actors/simulation/simulate-seeds.ts';
import { simulateObjects } from './simulated-objects.ts';

const simulation = suite('simulation of objects');

const SEEDS = Number(process.env.SEEDS ?? 350);
/** What has to be met for the rest to mean something. */
const RARE_EVENTS = [
  'commit aborted',
  'decided in the slow path',
  'large change',
  'read in the midst of a pass',
  'checkpoint jumped over',
  'trim passed a stale snapshot',
  'unknown outcome resolved by looking',
  'checkpointer killed between mark and record',
  'view opened from a checkpoint',
  'history restored',
  'right taken over from the dead',
  'ended with ERR_LOG_FULL',
  'client killed',
  'sequencer killed',
  'unit killed',
  'memory lost',
  'unit rebuilt and joined',
  'sequencer rebuilt',
  'actors killed within a step',
  'messages duplicated',
];

const run = { name: 'objects', file: import.meta.url } as const;

simulation('keeps its contract in every seed, and meets what is rare', () => {
  const report = runSeeds({
    ...run,
    count: SEEDS,
    run: (seed, createWorld) => {
      simulateObjects(seed, createWorld);
      return undefined;
    },
  });
  assert.is(report.single || report.seeds === SEEDS, true);
  report.expectMarks(RARE_EVENTS);
  console.log(`${report.seeds} seeds`);
});

simulation('does the same twice', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const [first, second] = [0, 1].map(() => {
      const histories: string[] = [];
      const { worlds } = runSeed(seed, {
        ...run,
        run: (one, createWorld) => {
          histories.push(simulateObjects(one, createWorld).history);
          return undefined;
        },
      });
      return [worlds.map(({ traceHash }) => traceHash), histories];
    });
    assert.equal(first, second, `seed ${seed}`);
  }
});

simulation.run();
