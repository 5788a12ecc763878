/**
 * STYLE.md as a test: reads the source tree once and lists every offence as
 * `file:line: what, use instead`. The checks, with tests of their own, are in bench/tidy/.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkDeadFiles,
  checkImportDirection,
  checkIndex,
  checkTestPackages,
} from './bench/tidy/import-checks.ts';
import { type Finding, findRoot, formatFinding, readSourceTree } from './bench/tidy/source-tree.ts';
import {
  checkAmbientEffects,
  checkAtomics,
  checkMarks,
  checkReadmes,
  checkSizes,
  checkThreadEntries,
} from './bench/tidy/text-checks.ts';

/** The files that bind clock, timers, random and storage to the real ones; each needs a reason. */
const MAY_USE_AMBIENT_EFFECTS: ReadonlySet<string> = new Set([
  // The host gives its actors the clock and the timers.
  'actors/actor-host.ts',
  // Starting and stopping threads is a handshake with a deadline.
  'actors/actor-system.ts',
  // Lets the answer to stop() leave before the port is closed; tells how busy the loop was.
  'actors/actor-thread.ts',
  // A monitor that is not there yet is connected to a moment later.
  'actors/watch.ts',
  // A budget for the whole run of many seeds; no seed sees it.
  'actors/simulation/simulate-seeds.ts',
  // Copies the compiled sources, for tests.
  'runtime/simulation/mutant-copy.ts',
  // Notices threads whose event loop stands.
  'runtime/views/sessions.ts',
  // A live iteration looks at the tail again after a while.
  'runtime/abort.ts',
  // Puts the real clock, random and storage into the runtime.
  'runtime/open.ts',
  // Waits for replies until a deadline.
  'runtime/mailbox-link.ts',
  // A dead thread's actors have a moment to move.
  'runtime/supervision.ts',
  // Times tasks.
  'tango-objects/pool/tango-pool.ts',
  // Nodes have the time of who creates and sets them.
  'tango-objects/namespace/node-changes.ts',
  // A thread rests here and nowhere else.
  'shared-memory/idle.ts',
  // Gives tests their deadline.
  'shared-memory/within.ts',
]);

const root = findRoot(dirname(fileURLToPath(import.meta.url)));
const tree = readSourceTree(root);

function none(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const lines = findings.map(formatFinding);
  console.log(`\n${lines.join('\n')}`);
  throw new Error(lines.length === 1 ? lines[0] : `${lines.length} findings; first ${lines[0]}`);
}

const tidy = suite('tidy');

tidy('found the source tree', () => {
  assert.ok(tree.has('tidy.test.ts'), root);
});

tidy('each folder imports only from those to its left', () => none(checkImportDirection(tree)));

tidy('index.ts re-exports and nothing else', () => none(checkIndex(tree)));

tidy('packages for tests stay in tests and bench/', () => none(checkTestPackages(tree)));

tidy('every source file is reached from an entry', () => none(checkDeadFiles(tree)));

tidy('Atomics appears only in shared-memory/', () => none(checkAtomics(tree)));

tidy('clock, timers, random and files enter by constructor', () => {
  none(checkAmbientEffects(tree, MAY_USE_AMBIENT_EFFECTS));
});

tidy('threads begin with no top-level await', () => none(checkThreadEntries(tree)));

tidy('files, lines and functions keep to their sizes', () => none(checkSizes(tree)));

tidy('no mark of unfinished work, no test that hides others', () => none(checkMarks(tree)));

tidy('each README names the files of its folder', () => none(checkReadmes(tree)));

tidy.run();
