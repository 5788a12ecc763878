/**
 * The test of the explorer: each rule of RELIABILITY 0 is broken in a copy of the compiled sources,
 * and some configuration has to find a way to harm. To see that way, or to repeat one:
 *
 *     MUTANT='D3: a read is answered from the head' [TRACE='a a r'] \
 *       node dist/runtime/exploration/exploration-mutants.test.js
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Edit {
  /** The module, without its extension. */
  readonly file: string;
  /** Text of one line of the compiled module, and what replaces it. */
  readonly from: string;
  readonly to: string;
}

interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Edits without which a step is too large to see it; alone they do no harm. */
  readonly seams?: readonly Edit[];
  readonly configuration: string;
  /** Words of the violation; undefined: none, and why that is so. */
  readonly seen: RegExp | undefined;
}

const APPEND = 'runtime/append-procedure';
const CHAIN = 'runtime/chain';
const BUILD = 'runtime/sequencer-build';
const UNIT = 'shared-memory/unit-memory';
const ASK = 'atHead = yield* chain.ask(0, MessageType.UNIT_FILL);';

const KEPT: Edit = {
  file: APPEND,
  from: 'if (atHead && !uncertain) {',
  to:
    'if (atHead && !uncertain) { yield* newerProjection(client, deadline, epoch); ' +
    'append.header.epoch = client.map.epoch; break; } if (atHead && !uncertain) {',
};
/** Others come in where a reconfiguration makes several accesses in one flight. */
const SEAMS: readonly Edit[] = [
  {
    file: 'runtime/reconfigure',
    from: 'breakDeadLock(client, change);',
    to: 'yield* pause(0); breakDeadLock(client, change);',
  },
  {
    file: 'runtime/reconfigure',
    from: 'const outcome = memory.layoutStore.propose(named);',
    to: 'yield* pause(0); const outcome = memory.layoutStore.propose(named);',
  },
];

const MUTANTS: readonly Mutant[] = [
  {
    name: 'D1: the epoch is checked in a step before the write',
    edits: [
      {
        file: 'actors/unit-steps',
        from: 'if (request.epoch <= sealed) {',
        to: 'if (request.epoch <= sealed && request.type !== MessageType.UNIT_WRITE) {',
      },
      {
        file: APPEND,
        from: 'if (answer === undefined) {',
        to:
          'if (client.memory.unit(chain[append.index]).slots.sealedEpoch() >= epoch) ' +
          'answer ??= { outcome: SlotOutcome.SEALED, epoch }; if (answer === undefined) {',
      },
    ],
    configuration: '1A 1F 1G',
    seen: /junk is never below a head|acknowledged and lost/,
  },
  {
    name: 'D2: a filler begins at the tail',
    edits: [{ file: CHAIN, from: ASK, to: ASK.replace('ask(0', 'ask(chain.units.length - 1') }],
    configuration: '2A 1F',
    seen: /replicas disagree/,
  },
  {
    name: 'D2: a filler that has lost the head goes on with junk',
    edits: [
      { file: CHAIN, from: ASK, to: `${ASK} if (atHead === SlotOutcome.WRITTEN) atHead = 0;` },
    ],
    configuration: '2A 1F',
    seen: /replicas disagree/,
  },
  {
    name: 'D3: a read is answered from the head',
    edits: [
      {
        file: 'runtime/read',
        from: 'const unit = chain[chain.length - 1];',
        to: 'const unit = chain[0];',
      },
    ],
    configuration: '2A 1R',
    seen: /was read as/,
  },
  {
    name: 'D4: a spare joins a chain of the past without its copy',
    edits: [
      { file: 'runtime/rebuild', from: 'if (yield* copyAll(client, owed)) {', to: 'if (true) {' },
    ],
    configuration: '1A 1R 1G, rebuild',
    seen: /and now as unwritten|acknowledged and lost/,
  },
  {
    name: 'D5: a spare is not wiped',
    edits: [{ file: UNIT, from: 'this.slots.wipe(watermark);', to: '' }],
    configuration: '1A 1F 1G',
    seen: /replicas disagree/,
  },
  {
    name: 'D5: a spare is claimed by two',
    seams: SEAMS,
    edits: [
      {
        file: UNIT,
        from: 'return Atomics.compareExchange(this.words, CLAIMANT, expected, incarnation) === expected;',
        to: 'Atomics.store(this.words, CLAIMANT, incarnation); return true;',
      },
      { file: 'runtime/spares', from: 'if (claimant !== 0 &&', to: 'if (false &&' },
    ],
    configuration: '2G 1A, different units',
    seen: /one claimant|replicas disagree|and now as|acknowledged and lost/,
  },
  {
    name: 'D6: an entry whose fate is not known is appended again',
    edits: [
      {
        file: APPEND,
        from: 'if (position >= client.tail())',
        to: 'if (position >= 0)',
      },
    ],
    configuration: '1A of two entries of a stream, 1F, 1G of the sequencer',
    seen: /two positions/,
  },
  {
    name: 'D6: a token of an older epoch is kept, and its chain',
    edits: [KEPT],
    configuration: '1A 1F 1G',
    seen: /acknowledged and lost|replicas disagree|junk is never/,
  },
  {
    // Harmless where the chain stays: the tail outlives its sequencer, so the position is below the
    // new one, and the next sequencer is built only when everything below is decided. D6 allows it.
    name: 'D6: a token of an older epoch is kept, and only the sequencer is new',
    edits: [KEPT],
    configuration: '2A of a stream, 1G of the sequencer',
    seen: undefined,
  },
  {
    name: 'a reconfiguration seals nothing',
    edits: [{ file: 'runtime/reconfigure', from: 'yield* seal(client, map, change);', to: '' }],
    configuration: '1A 1F 1G',
    seen: /acknowledged and lost|replicas disagree|and now as/,
  },
  {
    name: 'a new sequencer is built without the streams',
    edits: [{ file: BUILD, from: 'sequencer.setStreamPositions(record, positions);', to: '' }],
    configuration: '2A of a stream, 1G of the sequencer',
    seen: /the stream is at/,
  },
  {
    name: 'a new sequencer serves before it is built',
    edits: [
      {
        file: 'shared-memory/sequencer-memory',
        from: 'built >= this.requiredBuild()',
        to: 'true',
      },
    ],
    configuration: '1A of two entries of a stream, 1F, 1G of the sequencer',
    seen: /the stream is at|replicas|two positions|acknowledged/,
  },
  {
    name: 'a new sequencer is built over what is not decided',
    edits: [{ file: BUILD, from: 'yield* decideBelow(client, tail);', to: '' }],
    configuration: '2A of a stream, 1G of the sequencer',
    seen: /the stream is at/,
  },
];

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const EXTENSION = extname(fileURLToPath(import.meta.url));
const TIMEOUT_MS = 100_000;
const folder = mkdtempSync(join(tmpdir(), 'tangolog-exploration-'));
const mutants = suite('exploration mutants');

mutants.before(() => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, '..', 'node_modules'), join(folder, 'node_modules'));
});
mutants.after(() => rmSync(folder, { recursive: true, force: true }));

function build(edits: readonly Edit[], name: string): string {
  const copy = join(folder, name);
  const wanted = (path: string): boolean => !/\.(?:d\.ts|map)$|\.test\.[jt]s$/.test(path);
  for (const part of ['shared-memory', 'actors', 'runtime']) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true, filter: wanted });
  }
  for (const { file, from, to } of edits) {
    const path = join(copy, file + EXTENSION);
    const pieces = readFileSync(path, 'utf8').split(from);
    assert.is(pieces.length, 2, `${file} has once: ${from}`);
    writeFileSync(path, pieces.join(to));
  }
  return copy;
}

/** Runs in the copy, in a process of its own, for a mutant may loop for ever. */
const DRIVER = `
const { Explorer } = await import('./runtime/exploration/explorer${EXTENSION}');
const { configurationOf } = await import('./runtime/exploration/configurations${EXTENSION}');
const explorer = new Explorer(configurationOf(process.env.CONFIGURATION));
const trace = process.env.TRACE?.split(' ');
const found = trace ? explorer.replay(trace) : explorer.explore().violation;
if (found) {
  const trace = found.trace ? "\\nTRACE='" + found.trace.join(' ') + "'" : '';
  console.log(found.what + '\\n  ' + found.words.join('\\n  ') + trace);
}`;

function explore(mutant: Mutant, copy: string, trace?: string): string {
  const { configuration: CONFIGURATION } = mutant;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', DRIVER],
    {
      cwd: copy,
      env: { ...process.env, CONFIGURATION, TRACE: trace },
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
    },
  );
  assert.is.not(status, null, 'it has come to an end');
  return stdout || stderr;
}

const { MUTANT, TRACE } = process.env;
for (const [index, mutant] of MUTANTS.entries()) {
  if (MUTANT !== undefined && MUTANT !== mutant.name) continue;
  const { name, edits, seams = [], seen } = mutant;
  mutants(`${seen === undefined ? 'harmless' : 'found'}: ${name}`, () => {
    const found = explore(mutant, build([...seams, ...edits], `mutant-${index}`), TRACE);
    if (MUTANT !== undefined) console.log(found);
    if (seen === undefined) return assert.is(found, '');
    const [what = '', ...words] = found.split('\n');
    assert.match(what, seen, found);
    console.log(`${name}: ${what}\n  MUTANT='${name}' ${words.at(-2)}`);
    if (seams.length > 0) assert.is(explore(mutant, build(seams, `seams-${index}`)), '');
  });
}

mutants.run();
