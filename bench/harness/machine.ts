/** The machine a figure was measured on: without it the figure says nothing. */
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly processor: string;
  /** Threads that run at once. */
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** ISO 8601, UTC, to the second. */
  readonly date: string;
}

export function readMachine(now: Date = new Date()): Machine {
  return {
    processor: cpus()[0]?.model.trim() || `unknown ${process.arch}`,
    cores: availableParallelism(),
    memoryGib: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${type()} ${release()}`,
    node: process.version,
    v8: process.versions.v8,
    date: `${now.toISOString().slice(0, 19)}Z`,
  };
}

/** One line, as a header of results. */
export function describeMachine(machine: Machine): string {
  const { processor, cores, memoryGib, system, node, date } = machine;
  return `${processor}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}, ${date}`;
}
