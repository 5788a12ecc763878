/**
 * The log in the simulator: some ten seconds. SEED=n repeats one seed, SEEDS=n runs so many,
 * SEEDS_LOG=n too, and no other test does.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeeds } from '../../actors/simulation/simulate-seeds.ts';
import { RARE_EVENTS } from './simulated-observer.ts';
import { simulateLog } from './simulated-workload.ts';

const simulation = suite('simulation of the log');

const SEEDS = Number(process.env.SEEDS ?? process.env.SEEDS_LOG ?? 4000);
/** Faults, which have to take place for anything else to mean something. */
const FAULTS = [
  'messages lost',
  'messages overtaken',
  'messages duplicated',
  'messages vanished',
  'actors stalled',
  'steps deferred by priority',
  'priorities changed',
  'actors killed',
  'actors killed within a step',
  'client killed',
  'sequencer killed',
  'unit killed',
  'epochs changed',
  'thread stalled',
  'thread suspected falsely',
  'memory came back empty',
  'clock jumped',
];

simulation('keeps its contract in every seed, and meets what is rare', () => {
  const report = runSeeds({
    name: 'log',
    count: SEEDS,
    file: import.meta.url,
    run: simulateLog,
  });
  assert.is(report.single || report.seeds === SEEDS, true);
  report.expectMarks([...RARE_EVENTS, ...FAULTS]);
  console.log(`${report.seeds} seeds`);
});

simulation.run();
