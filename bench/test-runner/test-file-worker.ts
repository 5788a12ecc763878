/**
 * The pool's task: runs one test file in a process group of its own, with a deadline.
 *
 * It runs in a fresh child process of the pool. The test file gets yet another process, so that
 * whatever it does to itself, this one lives to report it with the output kept.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { EVENT_FD, parseEvents } from './test-events.ts';
import { judge, type Verdict } from './verdict.ts';

export interface TestFileTask {
  readonly file: string;
  readonly deadlineS: number;
}

export interface TestFileReport extends Verdict {
  readonly file: string;
  readonly seconds: number;
  readonly output: string;
}

/** How long a process may go on after its last test, for threads and sockets that wind down. */
const LINGER_MS_MAX = 5_000;
/** The pipes close with the last process that holds them; one that left the group is not waited for. */
const PIPES_CLOSE_MS_MAX = 2_000;
const OUTPUT_CHARS_MAX = 1 << 20;

const testProcess = fileURLToPath(
  new URL(`./test-process-worker${extname(import.meta.url)}`, import.meta.url),
);

export default async function runTestFile(task: TestFileTask): Promise<TestFileReport> {
  const startedMs = performance.now();
  const lingerMs = Math.min(LINGER_MS_MAX, (task.deadlineS * 1000) / 4);
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', testProcess, task.file, String(lingerMs)],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
  );
  const disarm = killWithRunner(child);
  const output = collect(child, [1, 2]);
  const events = collect(child, [EVENT_FD]);

  let deadlineHit = false;
  const deadline = setTimeout(() => {
    deadlineHit = true;
    killGroup(child);
  }, task.deadlineS * 1000);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const { code, signal } = await exitOf(child);
  clearTimeout(deadline);
  // What the file left running would hold its pipes open, and disturb the next file.
  killGroup(child);
  await Promise.race([closed, sleep(PIPES_CLOSE_MS_MAX)]);
  disarm();

  const verdict = judge(parseEvents(events()), {
    code,
    signal,
    deadlineHit,
    deadlineS: task.deadlineS,
  });
  const seconds = (performance.now() - startedMs) / 1000;
  return { ...verdict, file: task.file, seconds, output: output() };
}

/** The test process is in another group: a Ctrl-C or the death of the runner must reach it too. */
function killWithRunner(child: ChildProcess): () => void {
  const kill = (): void => {
    killGroup(child);
  };
  const leave = (): void => process.exit(1);
  process.on('exit', kill);
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, leave);
  return () => {
    process.off('exit', kill);
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.off(event, leave);
  };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

/** Returns a function that answers the text so far, its head cut where it is too long. */
function collect(child: ChildProcess, descriptors: readonly number[]): () => string {
  let text = '';
  for (const descriptor of descriptors) {
    const stream = child.stdio[descriptor] as NodeJS.ReadableStream;
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
      if (descriptor !== EVENT_FD && text.length > OUTPUT_CHARS_MAX) {
        text = `… ${text.slice(-OUTPUT_CHARS_MAX / 2)}`;
      }
    });
  }
  return () => text;
}

function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
