/**
 * The test of the tests: each rule of the protocol is broken in a copy of the compiled sources, and
 * the simulation or a conformance suite has to see it. Slow, about a minute: every copy is
 * loaded and warms up anew. A mutant is an edit of the text, so sources need no seams.
 *
 * VERBOSE=1 prints the seed that sees each one. A read from the head does harm only once a head is
 * lost, so a conformance case has to see that one.
 *
 * Not here, since no seed can see them: a rebuilt unit that joins at the head (its copy is whole by
 * then, so every order of the chain is right); a token of an old epoch written in the new one (a new
 * sequencer serves only after every position below it was decided, so the write meets junk); a lock
 * that is broken before its owner has died, and a read that does not look at the projection again
 * (nobody stalls within a lock or a read here; the explorers see to that).
 */
import { spawnSync } from 'node:child_process';
import { extname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failureOf, MutantCopy, type Mutation, ORIGINAL } from './mutant-copy.ts';

const mutants = suite('mutants');

interface Mutant extends Mutation {
  /** Who sees it: some seed of the simulation, or a test file. */
  readonly seenBy: 'seeds' | 'corfu-paper' | 'streams-paper' | 'reconfiguration-paper-2';
  /** The first seed, for what only one in some thousands sees. */
  readonly from?: number;
}

const MUTANTS: readonly Mutant[] = [
  {
    what: 'a unit serves its sealed epoch',
    file: 'actors/unit-steps',
    edits: [['request.epoch <= sealed', 'request.epoch < sealed']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a unit serves the epoch after its sealed one only',
    file: 'actors/unit-steps',
    edits: [['request.epoch <= sealed', 'request.epoch !== sealed + 1']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a seal does not wait for operations in flight',
    file: 'runtime/reconfigure',
    edits: [['!quiescence.passed() && client.isCurrent', 'false']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a filler begins at the tail',
    file: 'runtime/chain',
    edits: [
      [
        'atHead = yield* chain.ask(0, MessageType.UNIT_FILL);',
        'atHead = yield* chain.ask(chain.units.length - 1, MessageType.UNIT_FILL);',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a filler that has lost the head goes on with junk',
    file: 'runtime/chain',
    edits: [
      [
        'atHead = yield* chain.ask(0, MessageType.UNIT_FILL);',
        'atHead = yield* chain.ask(0, MessageType.UNIT_FILL); if (atHead === 1) atHead = 0;',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a trim that overtakes a writer fills below the head',
    file: 'runtime/chain',
    edits: [
      [
        'yield* finishPrefixTrim(chain.client, chain.units, index, chain.epoch);\n',
        'yield* chain.ask(index, MessageType.UNIT_FILL);\n',
      ],
    ],
    seenBy: 'corfu-paper',
  },
  {
    what: 'finishing a prefix trim for the tail skips the replicas above it',
    file: 'runtime/chain',
    edits: [['for (let i = 1; i <= index; i++)', 'for (let i = index; i <= index; i++)']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'an append that is sealed out below the head takes another position',
    file: 'runtime/append-procedure',
    edits: [['if (atHead && !uncertain)', 'if (true)']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a read is answered from the head',
    file: ['runtime/read', 'runtime/stream-reader'],
    edits: [['chain[chain.length - 1]', 'chain[0]', 'everywhere']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a read beyond the tail fills',
    file: 'runtime/read',
    edits: [['if (position >= client.tail())', 'if (false)']],
    seenBy: 'seeds',
  },
  {
    what: 'what one chain has trimmed counts as the prefix of the log',
    file: 'runtime/read',
    edits: [['.every(({ unit, address }) =>', '.some(({ unit, address }) =>']],
    seenBy: 'streams-paper',
  },
  {
    what: 'a writer appends again when it meets its own value below the head',
    file: 'runtime/append-procedure',
    edits: [['if (atHead && !(yield*', 'if (!atHead || !(yield*']],
    seenBy: 'seeds',
  },
  {
    what: 'a writer appends again when the answer of the head is lost',
    file: 'runtime/append-procedure',
    edits: [['uncertain ||= atHead;', "if (atHead) return 'lost';"]],
    seenBy: 'seeds',
  },
  {
    what: 'equal length and sequence count as equal identity',
    file: 'runtime/append-procedure',
    edits: [['reader.writerThread === header.writerThread', 'true']],
    seenBy: 'corfu-paper',
  },
  {
    what: 'a position that a new epoch has filled counts as appended',
    file: 'runtime/append-procedure',
    edits: [
      [
        "if (entry.kind === 'junk')\n        return 'lost'",
        "if (entry.kind === 'junk')\n        return 'done'",
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a late reply answers the next request',
    file: 'runtime/request-table',
    edits: [['if (operation !== (slot | (this.#generations[slot] << SLOT_BITS)))', 'if (false)']],
    seenBy: 'seeds',
  },
  {
    what: 'the sequencer forgets the second stream of an entry',
    file: 'actors/sequencer',
    edits: [
      [
        'memory.pushStreamPosition(record, position);',
        'if (i !== 1) memory.pushStreamPosition(record, position);',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a header lacks the latest position of its stream',
    file: 'actors/sequencer',
    edits: [
      [
        'earlier[j] = memory.streamPosition(record, j);',
        'earlier[j] = j + 1 < earlier.length ? memory.streamPosition(record, j + 1) : -1;',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a pointer too far for 16 bits counts as none',
    file: 'actors/stream-header',
    edits: [
      ['if (distance === NONE)', 'if (distance === NONE || (i > 0 && distance === UNKNOWN))'],
    ],
    seenBy: 'streams-paper',
  },
  {
    what: 'the scan for earlier entries ends at the first junk',
    file: 'runtime/stream-reader',
    edits: [
      ["if (met === 'nothing')\n                continue;", "if (met === 'nothing')\n return -1;"],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a chunk is freed although entries in it are above the trim',
    file: 'shared-memory/chunk-table',
    edits: [
      [
        'state !== ChunkState.PARTIAL || this.usedLimit(chunk) > watermark',
        'state !== ChunkState.PARTIAL',
      ],
      ['if (this.usedLimit(chunk) <= watermark)', 'if (true)'],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'what is trimmed is not reclaimed',
    file: 'shared-memory/chunk-table',
    edits: [
      ['if (state !== ChunkState.PARTIAL || this.usedLimit(chunk) > watermark)', 'if (true)'],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'an append does not tell up to which address its chunk is in use',
    file: 'runtime/append-operation',
    edits: [['.willPublish(', '.chunkOfNothing?.(']],
    seenBy: 'seeds',
  },
  {
    what: 'a spare joins the chain before it has the past',
    file: 'runtime/rebuild',
    edits: [['if (yield* copyAll(client, owed))', 'if (true)']],
    seenBy: 'seeds',
  },
  {
    what: 'a rebuild copies values, and neither junk nor trims',
    file: 'runtime/rebuild',
    edits: [
      [
        'case SlotOutcome.JUNK: {',
        'case SlotOutcome.TRIMMED: return true; case SlotOutcome.JUNK: { return true;',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a spare is not wiped',
    file: 'shared-memory/unit-memory',
    edits: [['this.slots.wipe(watermark);', '']],
    seenBy: 'seeds',
  },
  {
    what: 'a new sequencer serves before its state is built',
    file: 'runtime/sequencer-build',
    edits: [['sequencer.setStreamPositions(record, positions);', '']],
    seenBy: 'seeds',
  },
  {
    what: 'the scan for the streams leaves the holes open',
    file: 'runtime/sequencer-build',
    edits: [['yield* decideBelow(client, tail);', '']],
    seenBy: 'seeds',
  },
  {
    what: 'the new active range begins below what is written',
    file: 'actors/next-projection',
    edits: [
      [
        'const rows = Math.ceil((tail - from) / extents.length);',
        'const rows = Math.max(0, Math.ceil((tail - from) / extents.length) - 1);',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a unit serves whatever the epoch',
    file: 'actors/unit-steps',
    edits: [['request.epoch <= sealed', 'false']],
    seenBy: 'seeds',
  },
  {
    what: 'a sealer does not wait for those in flight',
    file: 'runtime/reconfigure',
    edits: [['!quiescence.passed() && client.isCurrent', 'false']],
    seenBy: 'seeds',
  },
  {
    what: 'an append that finds its value in a new epoch appends again',
    file: 'runtime/append-procedure',
    edits: [["if (position >= client.tail())\n        return 'lost';", "return 'lost';"]],
    seenBy: 'seeds',
  },
  {
    what: 'a new sequencer goes on where the old one says it was',
    file: 'runtime/sequencer-build',
    edits: [
      ['Math.max(sequencer.tail(), slowTailOf(client.memory, client.map))', 'sequencer.tail()'],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'a sequencer serves before it is built',
    file: 'shared-memory/sequencer-memory',
    edits: [['built >= this.requiredBuild()', 'built >= 0']],
    seenBy: 'seeds',
  },
  {
    what: 'the tail of a sequencer that is not built counts',
    file: 'actors/log-memory',
    edits: [['sequencer.builtEpoch() >= sequencer.requiredBuild()', 'true']],
    seenBy: 'reconfiguration-paper-2',
  },
  {
    what: 'a trim is not told to the unit that is being rebuilt',
    file: 'runtime/chain',
    edits: [['(yield* forgetInCopies(chain)) && ', '']],
    seenBy: 'seeds',
    from: 26700,
  },
  {
    what: 'a spare is not claimed',
    file: 'runtime/spares',
    edits: [
      ['if (!unit.claim(claimant, incarnation))\n            continue;', ''],
      ['if (claimant !== 0 && client.membership.lives(claimant))\n            continue;', ''],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'chunks with copies of the dead are free',
    file: 'actors/log-memory',
    edits: [
      [
        'const limit = start + rowsBefore(Math.min(to, tail) - from, i, extents.length);',
        'const limit = to <= from || tail <= from ? 0 : start + rowsBefore(tail - from, i, extents.length);',
      ],
    ],
    seenBy: 'seeds',
    from: 3200,
  },
  {
    what: 'an append fails because a repair has failed',
    file: 'runtime/deadline',
    edits: [['if (!(error instanceof TangoError))', 'if (true)']],
    seenBy: 'seeds',
  },
  {
    what: 'an append whose chain is lost writes somewhere else',
    file: 'runtime/append-operation',
    edits: [['if (this.extent.chain.length === 0)', 'if (false)']],
    seenBy: 'seeds',
    from: 12600,
  },
  {
    what: 'a rebuild under a seal takes all the room',
    file: 'runtime/rebuild',
    edits: [['slots.sealedEpoch() >= client.map.epoch', 'false']],
    seenBy: 'seeds',
    from: 45800,
  },
  {
    what: 'the range after a lost chain begins where its survivors say',
    file: 'actors/next-projection',
    edits: [['isUnknown ? Math.max(slowTail, knownTail) : slowTail', 'slowTail']],
    seenBy: 'seeds',
    from: 6500,
  },
  {
    what: 'actors stay where their thread was',
    file: 'runtime/reconfigure',
    edits: [['moveHomes(client, named, change, taken);', '']],
    seenBy: 'seeds',
  },
  {
    what: 'nobody rolls forward a seal whose sealer has died',
    file: 'runtime/repair',
    edits: [['(isSealed(one) ? {} : undefined)', 'undefined']],
    seenBy: 'seeds',
  },
  {
    what: 'the lock of a dead thread stays',
    file: 'runtime/reconfigure',
    edits: [['sequencer.breakLock(owner);', 'void 0;']],
    seenBy: 'seeds',
  },
  {
    what: 'a flight does not begin with a look at the projection',
    file: 'runtime/log-client',
    edits: [
      [
        'this.#flight.enter();\n        if (!this.isCurrent)\n            this.refreshProjection();',
        'this.#flight.enter();',
      ],
    ],
    seenBy: 'seeds',
  },
  {
    what: 'the streams of a checkpoint are forgotten',
    file: 'runtime/stream-scan',
    edits: [['positions.filter((position) => position >= 0)', '[]']],
    seenBy: 'seeds',
  },
];

const SEEDS_MAX = 6000;
/** Exit code of a process in which a seed has failed. */
const SEEN = 9;
const TIMEOUT_MS = 30_000;
const EXTENSION = extname(import.meta.url);
const source = new MutantCopy(['shared-memory', 'actors', 'runtime']);

mutants.before(() => source.open());
mutants.after(() => source.close());

/** Runs seeds in a process of its own, for a mutant may loop for ever; 1: a seed has failed. */
const DRIVER = `
const { runSeeds } = await import('./actors/simulation/simulate-seeds${EXTENSION}');
const { simulateLog } = await import('./runtime/simulation/simulated-workload${EXTENSION}');
try {
  runSeeds({ name: 'mutant', from: FROM, count: ${SEEDS_MAX}, run: simulateLog });
} catch (error) {
  console.log(error.message.split('\\n', 1)[0]);
  process.exitCode = SEEN;
}`;

/** How the first failing seed fails; undefined when none does. */
function firstFailure(copy: string, from = 1): string | undefined {
  const code = DRIVER.replace('SEEN', String(SEEN)).replace('FROM', String(from));
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: copy,
    // SEED chooses a seed for the original, not here.
    env: { ...process.env, SEED: undefined },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return status === SEEN ? stdout : undefined;
}

function failsTest(copy: string, test: string): boolean {
  const path = join(copy, 'runtime', `${test}.test${EXTENSION}`);
  return failureOf(path, { SEED: undefined }) !== undefined;
}

for (const mutant of MUTANTS) {
  mutants(`${mutant.seenBy} see that ${mutant.what}`, () => {
    const copy = source.edit(mutant);
    if (mutant.seenBy !== 'seeds') return assert.ok(failsTest(copy, mutant.seenBy));
    const failure = firstFailure(copy, mutant.from);
    if (process.env.VERBOSE) console.log(`${mutant.what}: ${failure}`);
    assert.is.not(failure, undefined);
  });
}

// Whoever sees mutants has to accept the original.
mutants('the original passes where the mutants fail', () => {
  const copy = source.edit(ORIGINAL);
  assert.not(failsTest(copy, 'corfu-paper'));
  assert.not(failsTest(copy, 'streams-paper'));
});

mutants.run();
