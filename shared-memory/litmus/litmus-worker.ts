/** Runs one side of a litmus program in a thread of its own, and ends. */
import { workerData } from 'node:worker_threads';
import { Gate } from './gate.ts';
import type { LitmusTask } from './litmus.ts';
import { litmusPrograms } from './litmus-programs.ts';

const task = workerData as LitmusTask;
const gate = new Gate(task.gate, task.side);
const side = litmusPrograms[task.program].sides[task.side](task.memory);
const seen = new Int32Array(task.seen);
const LOOK_AT_CLOCK_ROUNDS = 64;
const latest = performance.now() + task.budgetMs;
let idled = 0;

for (let round = 0; round < task.rounds; round++) {
  side.prepare?.(round);
  const mayClose = task.side === 0 && round % LOOK_AT_CLOCK_ROUNDS === 0;
  if (mayClose && performance.now() > latest) gate.close(round + 1);
  gate.meet(round + 1);
  if (gate.isLast(round + 1)) break;
  idled += idle(round);
  seen[round] = side.act(round);
  seen[task.rounds] = round + 1;
}
// Reading the sum keeps the compiler from dropping the loop that made it.
if (idled < 0) throw new RangeError('idling does not run backwards');

/**
 * The sides leave the gate in nearly the same order every time; a delay of up to some 40 ns that
 * differs by side and round lets each of them be first, and both at once.
 */
function idle(round: number): number {
  const steps = (Math.imul(round + 1, task.side === 0 ? 0x9e37_79b1 : 0x85eb_ca6b) >>> 26) & 63;
  let sum = 0;
  for (let step = 0; step < steps; step++) sum += step;
  return sum;
}
