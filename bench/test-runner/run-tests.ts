/**
 * Runs every compiled test file, each in a fresh process, and says at the end how many tests passed.
 *
 *     node dist/bench/test-runner/run-tests.js [--filter TEXT] [--concurrency N] [--deadline-s N] [DIR]
 *
 * The last line is `N passed, N failed`. The exit code is 1 when anything failed or nothing was
 * found. What counts as a failure is in verdict.ts.
 */
import { extname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Tinypool } from 'tinypool';
import { findTestFiles } from './find-test-files.ts';
import { slowFirst } from './slow-files.ts';
import type { TestFileReport, TestFileTask } from './test-file-worker.ts';

/** The pool's child enforces the deadline; beyond this margin it must itself be dead or stuck. */
const POOL_MARGIN_MS = 20_000;

interface Options {
  readonly folder: string;
  readonly filter: string;
  readonly concurrency: number;
  readonly deadlineS: number;
}

const options = parseOptions(process.argv.slice(2));
const files = slowFirst(findTestFiles(options.folder, options.filter));
const reports = await runAll(files, options);

if (files.length === 0) console.log(`no test file found in ${options.folder}`);
const passed = reports.reduce((total, report) => total + report.passed, 0);
const failed = reports.reduce((total, report) => total + report.failed, 0);
const skipped = reports.reduce((total, report) => total + report.skipped, 0);
if (skipped > 0) console.log(`${skipped} skipped`);
for (const report of reports) {
  if (report.problems.length > 0) console.log(`FAIL  ${nameOf(report.file, options)}`);
}
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);

function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      filter: { type: 'string', default: '' },
      concurrency: { type: 'string', default: '2' },
      'deadline-s': { type: 'string', default: '120' },
    },
  });
  const distFolder = fileURLToPath(new URL('../..', import.meta.url));
  return {
    folder: resolve(positionals[0] ?? distFolder),
    filter: values.filter,
    concurrency: positive('concurrency', values.concurrency),
    deadlineS: positive('deadline-s', values['deadline-s']),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`a positive number was expected: --${name}=${text}`);
  return value;
}

async function runAll(paths: readonly string[], options: Options): Promise<TestFileReport[]> {
  const pool = new Tinypool({
    filename: new URL(`./test-file-worker${extname(import.meta.url)}`, import.meta.url).href,
    runtime: 'child_process',
    isolateWorkers: true,
    serialization: 'advanced',
    minThreads: 0,
    maxThreads: options.concurrency,
    env: process.env as Record<string, string>,
  });
  // The queue is ours, so that the watch over one file starts when that file does.
  const waiting = [...paths];
  const done: TestFileReport[] = [];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const report = await runOne(pool, { file, deadlineS: options.deadlineS });
      done.push(report);
      print(report, options);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  await pool.destroy();
  return done;
}

async function runOne(pool: Tinypool, task: TestFileTask): Promise<TestFileReport> {
  const startedMs = Date.now();
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        reject(new Error('the pool process neither answered nor died'));
      },
      task.deadlineS * 1000 + POOL_MARGIN_MS,
    );
  });
  try {
    return await Promise.race([pool.run(task) as Promise<TestFileReport>, overdue]);
  } catch (error) {
    return {
      file: task.file,
      passed: 0,
      failed: 1,
      skipped: 0,
      seconds: (Date.now() - startedMs) / 1000,
      problems: [`crashed: the pool process of this file failed: ${(error as Error).message}`],
      output: String((error as Error).stack),
    };
  } finally {
    clearTimeout(timer);
  }
}

function print(report: TestFileReport, options: Options): void {
  const green = report.problems.length === 0;
  const tests = `${report.passed} passed${report.failed > 0 ? `, ${report.failed} failed` : ''}`;
  const file = nameOf(report.file, options).padEnd(56);
  console.log(`${green ? 'ok  ' : 'FAIL'}  ${file} ${tests}, ${report.seconds.toFixed(2)} s`);
  if (green) return;
  for (const problem of report.problems) console.log(`      ${problem}`);
  console.log(`--- output of ${nameOf(report.file, options)}\n${report.output.trimEnd()}\n---`);
}

function nameOf(file: string, options: Options): string {
  return relative(options.folder, file);
}
