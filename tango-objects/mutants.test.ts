/**
 * The test of the tests of objects: each rule of runtime/views is broken in a copy of the compiled sources,
 * and a case has to see it. VERBOSE=1 prints how it fails, MUTANT=words runs those with these words in their
 * name.
 *
 * Not here, since they do no harm: the conflict window forgotten where a commit is decided without reading
 * (an entry that far back is not kept, so somebody reads), the order of a record's parts in its list where
 * they are put together in that order, a stale snapshot that a trim has passed (the limit aborts its commit,
 * and the next attempt begins at the tail). Nor what makes progress likelier and nothing safe: precedence,
 * rests, takeover of the right to write a checkpoint.
 */
import { extname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  failureOf,
  MutantCopy,
  type Mutation,
  ORIGINAL,
} from '../runtime/simulation/mutant-copy.ts';

const mutants = suite('mutants of objects');

interface Mutant extends Mutation {
  /** The test file, and words of the case in it; without them all of it. */
  readonly seenBy: readonly [test: string, words?: string];
}

const COMMITS = 'tango-objects/commit-rules';
const CHECKPOINTS = 'tango-objects/checkpoint-rules';
const OBJECTS = 'tango-objects/objects';
const HISTORY = 'tango-objects/history';
const BOUNDED = 'tango-objects/bounded-log';
const REFERENCES = 'tango-objects/reference-rules';
const RECORDS = 'runtime/views/records';

const JUDGE = 'runtime/views/judge';
const READ_SET = 'runtime/views/read-set';
const CHECKPOINTER = 'runtime/views/checkpointer';
const COMPACTION = 'runtime/views/compaction';
const PLAYBACK = 'runtime/views/playback';
const OUTBOX = 'runtime/views/outbox';
const LARGE = 'runtime/views/large-record';
const STATE = 'runtime/views/object-state';
const VIEWS = 'runtime/views/views';
const TRANSACTION = 'runtime/views/transaction';
const TRANSACTIONS = 'runtime/views/transactions';
const FEED = 'runtime/views/change-feed';
const PAST = 'runtime/views/history';
const MAP = 'tango-objects/replicated-map';
const PLACED = 'tango-objects/placed-entries';

const MUTANTS: readonly Mutant[] = [
  {
    what: 'nothing that was read is compared',
    file: READ_SET,
    edits: [
      [
        'if (record.kind === RecordKind.UPDATE)',
        'if (Math.PI > 3) return false; if (record.kind === RecordKind.UPDATE)',
      ],
    ],
    seenBy: [COMMITS, 'a key that was read is changed'],
  },
  {
    what: 'a read of the whole object is not touched by a change of a key',
    file: READ_SET,
    edits: [
      [
        'if (key === undefined || update.keys',
        'if ((key === undefined && update.keys.length === 0) || update.keys',
      ],
    ],
    seenBy: [COMMITS, 'the whole object was read'],
  },
  {
    what: 'a read of a key is not touched by a change of the whole object',
    file: READ_SET,
    edits: [['|| update.keys.length === 0 ||', '||']],
    seenBy: [COMMITS, 'the whole object is changed'],
  },
  {
    what: 'of many reads the whole object counts as none',
    file: READ_SET,
    edits: [['read === undefined || keys.length', 'keys.length']],
    seenBy: [RECORDS],
  },
  {
    what: 'of many reads any key counts',
    file: READ_SET,
    edits: [['keys.some((key) => read.has(key))', 'true']],
    seenBy: [COMMITS, 'one of many keys'],
  },
  {
    what: 'records of its own entry are not compared, decided at once',
    file: JUDGE,
    edits: [['if (isTouched(reads, records, index, aborted))', 'if (false)']],
    seenBy: [COMMITS, 'an entry and its own one'],
  },
  {
    what: 'records of its own entry are not compared, where it is first and has its own position',
    file: JUDGE,
    edits: [['commit.snapshot === position && index === 0', 'commit.snapshot === position']],
    seenBy: [COMMITS, 'a record before it in its own entry'],
  },
  {
    what: 'records of its own entry are not compared, decided by reading',
    file: JUDGE,
    edits: [
      [
        'one.isTouched = isTouched(one.reads, records, one.index, aborted);',
        'one.isTouched = false;',
      ],
    ],
    seenBy: [COMMITS, 'decided together with one'],
  },
  {
    what: 'what has aborted is compared as well',
    file: JUDGE,
    edits: [['reads.isTouchedBy(records[i]) && !aborted.has(i)', 'reads.isTouchedBy(records[i])']],
    seenBy: [COMMITS, 'a commit that aborts would change'],
  },
  {
    what: 'whoever reads takes every commit for one that took effect',
    file: JUDGE,
    edits: [
      ['if (isCommitted === undefined)', 'if (false)'],
      ['if (!isCommitted)', 'if (isCommitted === false)'],
    ],
    seenBy: [COMMITS, 'not everybody hosts'],
  },
  {
    what: 'the first entry of what is compared is left out, decided at once',
    file: JUDGE,
    edits: [
      ['let at = commit.snapshot; at < position', 'let at = commit.snapshot + 1; at < position'],
    ],
    seenBy: [COMMITS, 'a key that was read is changed'],
  },
  {
    what: 'the first entry of what is compared is left out, decided by reading',
    file: JUDGE,
    edits: [['one.next = record.snapshot;', 'one.next = record.snapshot + 1;']],
    seenBy: [COMMITS, 'a key that was read is changed'],
  },
  {
    what: 'the conflict window is forgotten',
    file: JUDGE,
    edits: [['position - snapshot >= CONFLICT_WINDOW || ', '']],
    seenBy: [COMMITS, 'conflict window'],
  },
  {
    what: 'the conflict window is one longer',
    file: JUDGE,
    edits: [['position - snapshot >= CONFLICT_WINDOW', 'position - snapshot > CONFLICT_WINDOW']],
    seenBy: [COMMITS, 'conflict window'],
  },
  {
    what: 'bounds are for who decides by reading alone',
    file: JUDGE,
    edits: [['if (this.#isBeyond(commit, position))', 'if (false)']],
    seenBy: [CHECKPOINTS, 'from below its limit aborts'],
  },
  {
    what: 'bounds are for who decides at once alone',
    file: JUDGE,
    edits: [['known !== undefined || this.#isBeyond(record, position)', 'known !== undefined']],
    seenBy: [CHECKPOINTS, 'from below its limit aborts'],
  },
  {
    what: 'the limits of checkpoints are forgotten',
    file: JUDGE,
    edits: [['limitAt(position) {', 'limitAt(position) { if (position >= 0) return 0;']],
    seenBy: [CHECKPOINTS, 'from below its limit aborts'],
  },
  {
    what: 'the limits of checkpoints above count as well',
    file: JUDGE,
    edits: [['if (one.position < position)', 'if (true)']],
    seenBy: [CHECKPOINTS, 'judged without it'],
  },
  {
    what: 'a checkpoint that is played says nothing to the judge',
    file: PLAYBACK,
    edits: [['this.#judge.passCheckpoint(position, index);', '']],
    seenBy: [CHECKPOINTS, 'from below its limit aborts'],
  },
  {
    what: 'the limits of checkpoints that no snapshot is below are forgotten',
    file: JUDGE,
    edits: [['this.#limitBefore = Math.max(this.#limitBefore, one.limit);', '']],
    seenBy: [CHECKPOINTS, 'holds on behind the mark'],
  },
  {
    what: 'a view that begins late does not know the checkpoints before its own',
    file: PLAYBACK,
    edits: [['this.#judge.learnAll(all);', '']],
    seenBy: [CHECKPOINTS, 'holds on behind the mark'],
  },
  {
    what: 'a feed does not know the checkpoints below it',
    file: FEED,
    edits: [['this.#judge.learnAll(yield* checkpointsInLog(this.#client, this.#loader));', '']],
    seenBy: [CHECKPOINTS, 'holds on behind the mark'],
  },
  {
    what: 'what a checkpoint tells of commits is not used',
    file: JUDGE,
    edits: [['position < covered)', 'false)']],
    seenBy: [CHECKPOINTS, 'tells what has aborted'],
  },
  {
    what: 'a checkpoint tells of no commit that it has aborted',
    file: CHECKPOINTER,
    edits: [['aborted.push([position, index]);', '']],
    seenBy: [CHECKPOINTS, 'tells what has aborted'],
  },
  {
    what: 'a verdict that was told is taken for any entry in its slot',
    file: 'shared-memory/verdict-cache',
    edits: [['if (Math.floor(slot / RECORDS_FACTOR) !== position + 1)', 'if (slot === 0)']],
    seenBy: [COMMITS, 'is of its own entry'],
  },
  {
    what: 'a verdict that was told is taken for any record of its entry',
    file: 'shared-memory/verdict-cache',
    edits: [['& (1 << index)) !== 0', '& 1) !== 0']],
    seenBy: [COMMITS, 'a commit before it in its own entry'],
  },
  {
    what: 'states of views that are not hosted go beyond the mark',
    file: CHECKPOINTER,
    edits: [['yield* companion.playTo(mark + 1);', 'yield* companion.playTo(client.tail());']],
    seenBy: [CHECKPOINTS, 'are of its mark'],
  },
  {
    what: 'the checkpoint covers its mark and one entry more',
    file: CHECKPOINTER,
    edits: [['return mark + 1;', 'return mark + 2;']],
    seenBy: [CHECKPOINTS, 'are of its mark'],
  },
  {
    what: 'an object that is made meanwhile is left out',
    file: CHECKPOINTER,
    edits: [['if (this.#isWhole())', 'if (true)']],
    seenBy: [CHECKPOINTS, 'made before the mark'],
  },
  {
    what: 'a checkpoint takes no notice of what is held',
    file: CHECKPOINTER,
    edits: [['Math.min(covered, lowestHold())', 'covered']],
    seenBy: [CHECKPOINTS, 'a snapshot that is held is kept'],
  },
  {
    what: 'a trim takes no notice of what is held',
    file: CHECKPOINTER,
    edits: [['Math.min(position, replaced, lowestHold())', 'Math.min(position, replaced)']],
    seenBy: [CHECKPOINTS, 'held after the checkpoint'],
  },
  {
    what: 'a trim goes up to what the checkpoint covers, and no limit aborts what it has passed',
    file: [CHECKPOINTER],
    edits: [
      [
        'const { covered, limit } = found.index;',
        'const { covered } = found.index; const limit = covered;',
      ],
      ['Math.min(position, replaced, lowestHold())', 'Math.min(position, replaced)'],
    ],
    seenBy: [CHECKPOINTS, 'a snapshot that is held is kept'],
  },
  {
    what: 'a trim takes no notice of commits between mark and record',
    file: CHECKPOINTER,
    edits: [['if (batch.records.some((record) => dependsOn(record) < limit))', 'if (false)']],
    seenBy: [CHECKPOINTS, 'judged without it'],
  },
  {
    what: 'a trim takes no notice of large records between mark and record',
    file: LARGE,
    edits: [['return record.kind === RecordKind.LARGE ? lowestOf(record) :', 'return false ? 0 :']],
    seenBy: [CHECKPOINTS, 'keeps its parts'],
  },
  {
    what: 'a trim takes no notice of the parts of large records that stay',
    file: CHECKPOINTER,
    edits: [['limit = Math.min(limit, lowestOf(record));', '']],
    seenBy: [CHECKPOINTS, 'among the entries that stay'],
  },
  {
    what: 'the limit of a checkpoint that was trimmed is not in force any more',
    file: JUDGE,
    edits: [['Math.max(this.#limitBefore, oldest.index.limitBefore)', 'this.#limitBefore']],
    seenBy: [CHECKPOINTS, 'where the next one tells nothing'],
  },
  {
    what: 'a checkpoint that was overtaken fails',
    file: CHECKPOINTER,
    edits: [['!isTrimmedError(error) || attempt === OVERTAKEN_MAX', 'true']],
    seenBy: [CHECKPOINTS, 'another one overtakes'],
  },
  {
    what: 'a change is appended without room for the checkpoint after it',
    file: COMPACTION,
    edits: [
      ['const states = this.#statesNow() + bytes;', 'const states = 0;'],
      ['this.#used > this.#room.bytes * WATCHED_PART', 'false'],
    ],
    seenBy: [BOUNDED, '200 times 2000 bytes in a log of 262144 are refused, direct'],
  },
  {
    what: 'what was changed while a checkpoint was written is no growth',
    file: COMPACTION,
    edits: [['Math.min(this.#grown, this.#grownAtMark + states)', 'this.#grown']],
    seenBy: [BOUNDED, 'while a checkpoint was written'],
  },
  {
    what: 'what names so many parts that it does not fit is no change',
    file: LARGE,
    edits: [['if (found.kind === RecordKind.LARGE)', 'if (false)']],
    seenBy: [BOUNDED, '60 times 60 '],
  },
  {
    what: 'what makes states smaller is refused as well',
    file: COMPACTION,
    edits: [['if (this.#fitsOnTrial(demand))', 'if (false)']],
    seenBy: [BOUNDED, 'can be made smaller'],
  },
  {
    what: 'a large record that has aborted is made whole',
    file: LARGE,
    edits: [['!isKept || hasAborted(index)', '!isKept']],
    seenBy: [CHECKPOINTS, 'needs no parts'],
  },
  {
    what: 'the parts of a large record are changes of their own',
    file: PLAYBACK,
    edits: [
      [
        "import { RecordKind, } from './record",
        "import { decodeRecord, RecordKind, } from './record",
      ],
      [
        'case RecordKind.MARK:',
        'case RecordKind.PART: try { const whole = decodeRecord(record.bytes, 0); ' +
          'return this.#effect(whole, writer, position, index); } ' +
          'catch { return COMMITTED; } case RecordKind.MARK:',
      ],
    ],
    seenBy: [COMMITS, 'a large record takes effect'],
  },
  {
    what: 'the parts of a large record are put together from the end',
    file: LARGE,
    edits: [['for (const position of parts) {', 'for (const position of [...parts].reverse()) {']],
    seenBy: [COMMITS, 'a large record takes effect'],
  },
  {
    what: 'a large record has effect although a checkpoint has passed its parts',
    file: LARGE,
    edits: [['&& lowestOf(record) >= limit', '']],
    seenBy: [CHECKPOINTS, 'with parts below the limit'],
  },
  {
    what: 'versions begin anew at a checkpoint',
    file: MAP,
    edits: [['entries.set(key, kept, version)', 'entries.set(key, kept, 0)']],
    seenBy: ['tango-objects/checkpoint', 'after a trim is what the others are, direct'],
  },
  {
    what: 'a view that waits for an outcome may go on from a checkpoint above it',
    file: VIEWS,
    edits: [['mayJump: () => this.#holds.isEmpty', 'mayJump: () => true']],
    seenBy: [COMMITS, 'not passed by a checkpoint'],
  },
  {
    what: 'what a read has told of an entry of its own is forgotten',
    file: OUTBOX,
    edits: [['sent.outcomes ??= ', 'sent.outcomes = ']],
    seenBy: [COMMITS, 'is not played again'],
  },
  {
    what: 'a feed goes on behind a gap',
    file: FEED,
    edits: [
      [
        'const batch = yield* this.#loader.load(position);',
        'if (position < this.#client.memory.sequencer.trimMark()) { this.#position++; continue; } ' +
          'const batch = yield* this.#loader.load(position);',
      ],
    ],
    seenBy: [HISTORY, 'never a gap'],
  },
  {
    what: 'a feed tells what has aborted',
    file: FEED,
    edits: [['if (aborted.has(index))', 'if (false)']],
    seenBy: [HISTORY, 'an aborted commit'],
  },
  {
    what: 'history plays an entry too many',
    file: PAST,
    edits: [
      ['await run(past.playTo(this.position));', 'await run(past.playTo(this.position + 1));'],
    ],
    seenBy: [HISTORY, 'ends where the log was trimmed'],
  },
  {
    what: 'an outbox has two entries under way',
    file: OUTBOX,
    edits: [['while (!this.#isSending && this.#waiting', 'while (this.#waiting']],
    seenBy: [COMMITS, 'waits for the large one'],
  },
  {
    what: 'an unknown outcome counts as lost',
    file: OUTBOX,
    edits: [
      [
        'return batch.writer === this.#client.incarnation && batch.number === number;',
        'return false;',
      ],
    ],
    seenBy: [COMMITS, 'nobody knows'],
  },
  {
    what: 'any entry of its writer is the one that is looked for',
    file: OUTBOX,
    edits: [
      ['=== this.#client.incarnation && batch.number === number;', '=== this.#client.incarnation;'],
    ],
    seenBy: [COMMITS, 'nobody knows'],
  },
  {
    what: 'any entry with its number is the one that is looked for',
    file: OUTBOX,
    edits: [
      ['return batch.writer === this.#client.incarnation && batch.number', 'return batch.number'],
    ],
    seenBy: [COMMITS, 'nobody knows'],
  },
  {
    what: 'what a body has changed on trial stays',
    file: TRANSACTION,
    edits: [['undo();', ';']],
    seenBy: [OBJECTS, 'the body sees its own changes'],
  },
  {
    what: 'a snapshot is held once the body has run',
    file: TRANSACTIONS,
    edits: [
      ['holds.hold(snapshot);', ''],
      [
        'const result = checkResult(body());',
        'const result = checkResult(body()); holds.hold(snapshot);',
      ],
    ],
    seenBy: [COMMITS, 'is held, from before'],
  },
  {
    what: 'a snapshot is held until the commit is sent',
    file: TRANSACTIONS,
    edits: [
      ['if (record === undefined)\n                holds', 'holds'],
      ['this.#world.holds.release(snapshot);', '', 'everywhere'],
    ],
    seenBy: [COMMITS, 'is held, from before'],
  },
  {
    what: 'a snapshot is held for ever',
    file: TRANSACTIONS,
    edits: [['this.#world.holds.release(snapshot);', '', 'everywhere']],
    seenBy: [COMMITS, 'is held, from before'],
  },
  {
    what: 'the last position of a thread is what it holds, not the lowest one',
    file: 'runtime/views/holds',
    edits: [['if (position >= this.#lowest)', 'if (false)']],
    seenBy: [COMMITS, 'is held, from before'],
  },
  {
    what: 'a change that asks for its result holds nothing below its entry',
    file: OUTBOX,
    edits: [['taken.asksOutcome ? playback().position : client.tail()', 'client.tail()']],
    seenBy: [COMMITS, 'is held, from before'],
  },
  {
    what: 'a part of a body that has thrown stays',
    file: TRANSACTION,
    edits: [['this.#changes = this.#changes.slice(0, mark);', '']],
    seenBy: [OBJECTS, 'a transaction within another'],
  },
  {
    what: 'the result of a change in a body is not read',
    file: TRANSACTION,
    edits: [['for (const key of update.keys)\n            this.read(participant, key);', '']],
    seenBy: [OBJECTS, 'the result of a change in a body'],
  },
  {
    what: 'a view that has failed is in the checkpoint',
    file: 'runtime/views/hosted-objects',
    edits: [['hosted?.failure() === undefined ? player : undefined', 'player']],
    seenBy: ['tango-objects/checkpoint', 'spoils no checkpoint'],
  },
  {
    what: 'changes that are copied are copied without what was before',
    file: STATE,
    edits: [['this.#before = state;', '']],
    seenBy: ['tango-objects/checkpoint', 'whose class is not known'],
  },
  {
    what: 'a history that begins at the beginning is played on top of the view',
    file: STATE,
    edits: [['into.reset();', ';']],
    seenBy: [CHECKPOINTS, 'a history that begins there'],
  },
  {
    what: 'views that differ are not told',
    file: 'runtime/views/view-digests',
    edits: [['&& ours !== digest', '&& false']],
    seenBy: ['tango-objects/checkpoint', 'differs between threads'],
  },
  {
    what: 'the last one to create a name decides what it stands for',
    file: 'runtime/views/directory',
    edits: [['if (known !== undefined)', 'if (false)']],
    seenBy: [OBJECTS, 'create one name'],
  },
  {
    what: 'a value that moves counts as a change, when transactions are decided',
    file: READ_SET,
    edits: [['if (isRelocation(update))', 'if (false)']],
    seenBy: [REFERENCES, 'a move conflicts with nothing'],
  },
  {
    what: 'a value that moves counts as a change, in a feed',
    file: FEED,
    edits: [['if (isRelocation(update))', 'if (false)']],
    seenBy: [REFERENCES, 'a move conflicts with nothing'],
  },
  {
    what: 'a value that moves has another version',
    file: PLACED,
    edits: [['kept.key, kept.version, to', 'kept.key, to.position, to']],
    seenBy: [REFERENCES, 'set while it is moved'],
  },
  {
    what: 'a value that moves moves whatever was set since',
    file: PLACED,
    edits: [['|| !isSamePlace(kept.at, from)', '']],
    seenBy: [REFERENCES, 'set anew after its deletion'],
  },
  {
    what: 'no value is moved',
    file: CHECKPOINTER,
    edits: [['if (attempt === 0)', 'if (false)']],
    seenBy: [REFERENCES, 'one turn and one transaction'],
  },
  {
    what: 'what views refer to is trimmed',
    file: CHECKPOINTER,
    edits: [['Math.min(limit, lowestIn(found.index))', 'limit']],
    seenBy: [REFERENCES, 'between the move and the mark'],
  },
  {
    what: 'the place of a value in parts is that of its record alone',
    file: LARGE,
    edits: [['isChange ? { ...found, from } : found', 'found']],
    seenBy: [REFERENCES, 'a value in parts'],
  },
  {
    what: 'the changes of a transaction have all one place',
    file: PLAYBACK,
    edits: [
      [
        'this.#apply(one, { position, index, update, from })',
        'this.#apply(one, { position, index, update: 0, from })',
      ],
    ],
    seenBy: [REFERENCES, 'one turn and one transaction'],
  },
  {
    what: 'a body that has lost a value goes on',
    file: VIEWS,
    edits: [['this.#transactions.current?.lose();', '']],
    seenBy: [REFERENCES, 'begins again, transactSync'],
  },
  {
    what: 'a body that has lost a value begins again where it was',
    file: TRANSACTIONS,
    edits: [['if (!checked.stale || isLost)', 'if (!checked.stale)', 'everywhere']],
    seenBy: [REFERENCES, 'begins again, transact'],
  },
  {
    what: 'a body that has lost a value may lose it again',
    file: TRANSACTIONS,
    edits: [['wasLost ? this.#lowestReference() : undefined', 'undefined']],
    seenBy: [REFERENCES, 'holds what it may read'],
  },
  {
    what: 'who does not know a class forgets what its changes are referred to by',
    file: STATE,
    edits: [['if (this.#refers)', 'if (false)']],
    seenBy: [REFERENCES, 'does not know the class'],
  },
  {
    what: 'who does not know a class forgets what the state before refers to',
    file: STATE,
    edits: [['lowest = lowestOfState(this.#before);', '']],
    seenBy: [REFERENCES, 'does not know the class'],
  },
];

const EXTENSION = extname(import.meta.url);
const { MUTANT, VERBOSE } = process.env;
const source = new MutantCopy(['shared-memory', 'actors', 'runtime', 'tango-objects']);

mutants.before(() => source.open());
mutants.after(() => source.close());

function failure(copy: string, [test, words]: Mutant['seenBy']): string | undefined {
  return failureOf(join(copy, `${test}.test${EXTENSION}`), { SEED: undefined, CASE: words });
}

for (const mutant of MUTANTS) {
  const { what, seenBy } = mutant;
  if (MUTANT !== undefined && !what.includes(MUTANT)) continue;
  mutants(`${seenBy.join(': ')} sees that ${what}`, () => {
    const seen = failure(source.edit(mutant), seenBy);
    if (VERBOSE) console.log(`${what}\n${seen}`);
    assert.match(seen ?? '', /FAIL/);
  });
}

// That the original passes all of these tests, their own runs show: here, that it does so in a copy.
mutants('the original passes where the mutants fail', () => {
  const copy = source.edit(ORIGINAL);
  const seenBy = new Map(MUTANTS.map((mutant) => [mutant.seenBy[0], mutant.seenBy]));
  for (const seen of seenBy.values()) assert.is(failure(copy, seen), undefined, seen.join(': '));
});

mutants.run();
