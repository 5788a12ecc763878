/**
 * Decides from the events of a test process and the way it ended whether its file is green.
 *
 * uvu alone calls several broken files green; here each of them is a problem with a sentence that
 * names the reason: a throwing `before` or `after`, a thrown value that is no Error, a forgotten
 * `.run()`, a file without tests, an exit in the middle, a process that does not end.
 */
import type { TestEvent } from './test-events.ts';

/** How the process ended. `deadlineHit` means that the runner killed it. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly deadlineHit: boolean;
  readonly deadlineS: number;
}

export interface Verdict {
  readonly passed: number;
  /** At least one when there is any problem, whatever the tests did. */
  readonly failed: number;
  readonly skipped: number;
  /** One sentence each; empty exactly when the file is green. */
  readonly problems: readonly string[];
}

interface SuiteState {
  readonly title: string;
  defined: number;
  skipped: number;
  started: number;
  passed: number;
  hookFailures: number;
  /** Tests defined since the last `.run()`, which uvu will never see. */
  waitingForRun: number;
  runs: number;
}

interface FileState {
  readonly suites: SuiteState[];
  readonly problems: string[];
  running: string | undefined;
  finished: boolean;
  stillAlive: boolean;
  /** Set once an event explained why the process ended early. */
  explained: boolean;
}

export function judge(events: readonly TestEvent[], end: ProcessEnd): Verdict {
  const state: FileState = {
    suites: [],
    problems: [],
    running: undefined,
    finished: false,
    stillAlive: false,
    explained: false,
  };
  for (const event of events) applyEvent(state, event);

  const { suites, problems } = state;
  explainEnd(state, end);
  // A process that died early leaves suites unrun for that reason alone.
  if (state.finished)
    suites.forEach((suite) => {
      explainSuite(suite, problems);
    });
  const defined = sum(suites, (suite) => suite.defined);
  const skipped = sum(suites, (suite) => suite.skipped);
  const passed = sum(suites, (suite) => suite.passed);
  if (state.finished && defined + skipped === 0) problems.push('no test: the file defines none');
  if (problems.length === 0 && end.code !== 0) {
    problems.push(`crashed: exit code ${end.code} although every test passed`);
  }
  const failed = Math.max(defined - passed, problems.length > 0 ? 1 : 0);
  return { passed, failed, skipped, problems };
}

function applyEvent(state: FileState, event: TestEvent): void {
  const { suites, problems } = state;
  switch (event.type) {
    case 'SuiteDefined':
      suites[event.suite] = newSuite(event.title);
      return;
    case 'TestDefined':
      suites[event.suite].defined++;
      suites[event.suite].waitingForRun++;
      return;
    case 'TestSkipped':
      suites[event.suite].skipped++;
      return;
    case 'SuiteRun':
      suites[event.suite].runs++;
      suites[event.suite].waitingForRun = 0;
      return;
    case 'TestStarted':
      suites[event.suite].started++;
      state.running = `test "${event.name}" of suite "${suites[event.suite].title}"`;
      return;
    case 'TestPassed':
      suites[event.suite].passed++;
      state.running = undefined;
      return;
    case 'TestFailed':
      problems.push(
        `test "${event.name}" of suite "${suites[event.suite].title}" failed: ${event.message}`,
      );
      state.running = undefined;
      return;
    case 'HookFailed':
      suites[event.suite].hookFailures++;
      problems.push(
        `hook "${event.hook}" of suite "${suites[event.suite].title}" threw: ${event.message}`,
      );
      return;
    case 'LoadFailed':
      problems.push(`crashed while loading: ${event.message}`);
      state.explained = true;
      return;
    case 'Crashed':
      problems.push(`crashed: ${event.origin}: ${event.message}`);
      state.explained = true;
      return;
    case 'Finished':
      state.finished = true;
      return;
    case 'StillAlive':
      // Node shows a thread only by its pipes, so the sentence names the usual suspects itself.
      problems.push(
        'hung: all tests ended, but something kept the process alive ' +
          `(a worker, timer or socket; active: ${event.resources.join(', ') || 'unknown'})`,
      );
      state.stillAlive = true;
      return;
    default:
      event satisfies never;
  }
}

function newSuite(title: string): SuiteState {
  return {
    title,
    defined: 0,
    skipped: 0,
    started: 0,
    passed: 0,
    hookFailures: 0,
    waitingForRun: 0,
    runs: 0,
  };
}

function explainEnd(state: FileState, end: ProcessEnd): void {
  const { problems } = state;
  const place = state.finished ? 'after its tests ended' : (state.running ?? 'between tests');
  if (end.deadlineHit) {
    problems.push(`hung: killed at the deadline of ${end.deadlineS} s, ${place}`);
  } else if (state.explained || state.stillAlive) {
    return;
  } else if (end.signal !== null) {
    problems.push(`crashed: killed by ${end.signal}, ${place}`);
  } else if (!state.finished) {
    problems.push(`crashed: the process exited early, with code ${end.code}, ${place}`);
  }
}

function explainSuite(suite: SuiteState, problems: string[]): void {
  if (suite.waitingForRun > 0 || suite.runs === 0) {
    problems.push(`suite "${suite.title}" never ran: its .run() was forgotten`);
    return;
  }
  const unrun = suite.defined - suite.started;
  // A throwing hook is reported by itself and explains the tests that never started.
  if (unrun > 0 && suite.hookFailures === 0) {
    problems.push(`${unrun} tests of suite "${suite.title}" never started (an .only elsewhere?)`);
  }
}

function sum(suites: readonly SuiteState[], count: (suite: SuiteState) => number): number {
  return suites.reduce((total, suite) => total + count(suite), 0);
}
