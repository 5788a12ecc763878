/**
 * The log in the simulator, 20,000 seeds: slow, about a minute. SEED=n repeats one of them.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeeds } from '../../actors/simulation/simulate-seeds.ts';
import { RARE_EVENTS } from './simulated-observer.ts';
import { simulateLog } from './simulated-workload.ts';

const simulation = suite('simulation of the log');

const SEEDS = 20_000;
/** What reconfigurations have to lead to. */
const RECONFIGURATION_EVENTS = [
  'sequencer replaced',
  'unit replaced',
  'growth',
  'stalled thread suspected',
];

simulation('keeps its contract in every seed, and meets what is rare', () => {
  const report = runSeeds({
    name: 'log',
    count: SEEDS,
    file: import.meta.url,
    run: simulateLog,
  });
  assert.is(report.single || report.seeds === SEEDS, true);
  report.expectMarks([...RARE_EVENTS, 'messages lost', 'messages overtaken', 'actors stalled']);
  report.expectMarks(['actors killed', 'epochs changed', ...RECONFIGURATION_EVENTS]);
});

simulation.run();
