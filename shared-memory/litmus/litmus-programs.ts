/**
 * The litmus programs by name. Workers load them by that name, since a function cannot cross to
 * another thread. Every round has words of its own that no earlier round touched.
 */
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../mailbox.ts';
import { mailboxBytesFor } from '../mailbox-layout.ts';
import { FIRST_REFERENCE, REFERENCE_SHIFT, SlotOutcome } from '../slots-layout.ts';
import { allocateUnit, UnitMemory } from '../unit-memory.ts';
import { alignUp, CACHE_LINE_BYTES, ceilPowerOfTwo, WORD_BYTES } from '../words.ts';

/** One side of a program, in its own thread. */
export interface LitmusSide {
  /** Before the two sides meet. */
  prepare?(round: number): void;
  /** At the same moment as the other side's; returns what was seen, as a word. */
  act(round: number): number;
}

export interface LitmusProgram {
  allocate(rounds: number): SharedArrayBuffer;
  readonly sides: readonly [
    (memory: SharedArrayBuffer) => LitmusSide,
    (memory: SharedArrayBuffer) => LitmusSide,
  ];
  /** The name of an outcome, from what the two sides saw. */
  describe(first: number, second: number): string;
}

const OUTCOME_NAMES = Object.keys(SlotOutcome);
const ENTRY_WORDS = CACHE_LINE_BYTES / WORD_BYTES;

function unitFor(rounds: number): SharedArrayBuffer {
  return allocateUnit({
    slotCount: ceilPowerOfTwo(rounds),
    chunkBytes: ceilPowerOfTwo(rounds * CACHE_LINE_BYTES),
    chunkCount: 1,
    headroomChunks: 0,
    streamHeaderWords: 0,
  });
}

function describeSlotOutcomes(first: number, second: number): string {
  return `${OUTCOME_NAMES[first]} ${OUTCOME_NAMES[second]}`;
}

/** Tries to write the slot of the round; `reference` tells the sides apart. */
function slotWriter(reference: number): (memory: SharedArrayBuffer) => LitmusSide {
  return (memory) => {
    const { slots } = new UnitMemory(memory);
    return { act: (round) => slots.tryWrite(round, reference) };
  };
}

function slotFiller(memory: SharedArrayBuffer): LitmusSide {
  const { slots } = new UnitMemory(memory);
  return { act: (round) => slots.tryJunk(round) };
}

/** Stages an entry of one cache line, every word of it round + 1, and publishes it. */
function entryWriter(memory: SharedArrayBuffer): LitmusSide {
  const { slots, chunks, words } = new UnitMemory(memory);
  return {
    act: (round) => {
      const offset = chunks.chunkOffset(0) + round * CACHE_LINE_BYTES;
      const first = offset / WORD_BYTES;
      for (let word = 0; word < ENTRY_WORDS; word++) words[first + word] = round + 1;
      return slots.tryWrite(round, offset >> REFERENCE_SHIFT);
    },
  };
}

/** Entry words seen complete, or NO_REFERENCE. */
const NO_REFERENCE = -1;

function entryReader(memory: SharedArrayBuffer): LitmusSide {
  const { slots, words } = new UnitMemory(memory);
  return {
    act: (round) => {
      // Looks for longer in some rounds, so as to see the reference the moment it appears.
      let reference = slots.load(round);
      for (let tries = round & 127; tries > 0 && reference < FIRST_REFERENCE; tries--) {
        reference = slots.load(round);
      }
      if (reference < FIRST_REFERENCE) return NO_REFERENCE;
      const first = (reference << REFERENCE_SHIFT) / WORD_BYTES;
      let complete = 0;
      for (let word = 0; word < ENTRY_WORDS; word++) {
        if (words[first + word] === round + 1) complete++;
      }
      return complete;
    },
  };
}

/** A mailbox of four words and a doorbell word, on lines of its own for every round. */
const DOORBELL_RING_WORDS = 4;
const DOORBELL_OFFSET = alignUp(mailboxBytesFor(DOORBELL_RING_WORDS), 2 * CACHE_LINE_BYTES);
const DOORBELL_ROUND_BYTES = DOORBELL_OFFSET + 2 * CACHE_LINE_BYTES;

function doorbellOf(round: number): number {
  return (round * DOORBELL_ROUND_BYTES + DOORBELL_OFFSET) / WORD_BYTES;
}

/** What a doorbell's sender does: publish, then look whether the receiver sleeps. */
function doorbellSender(memory: SharedArrayBuffer): LitmusSide {
  const words = new Int32Array(memory);
  let sender: MailboxSender;
  return {
    prepare: (round) => {
      sender = new MailboxSender(words, round * DOORBELL_ROUND_BYTES, DOORBELL_RING_WORDS);
      sender.claim(2);
    },
    act: (round) => {
      sender.publish();
      return Atomics.load(words, doorbellOf(round));
    },
  };
}

/** What a doorbell's receiver does: announce that it sleeps, then look at the ring once more. */
function doorbellReceiver(memory: SharedArrayBuffer): LitmusSide {
  const words = new Int32Array(memory);
  let receiver: MailboxReceiver;
  return {
    prepare: (round) => {
      receiver = new MailboxReceiver(words, round * DOORBELL_ROUND_BYTES, DOORBELL_RING_WORDS);
    },
    act: (round) => {
      Atomics.store(words, doorbellOf(round), 1);
      return receiver.next() === NO_RECORD ? 0 : 1;
    },
  };
}

/** Store, then load the other's word, by plain accesses: what the atomics are there to prevent. */
function plainStoreThenLoad(side: 0 | 1): (memory: SharedArrayBuffer) => LitmusSide {
  return (memory) => {
    const words = new Int32Array(memory);
    const stride = (4 * CACHE_LINE_BYTES) / WORD_BYTES;
    const mine = (side * stride) / 2;
    const theirs = stride / 2 - mine;
    return {
      act: (round) => {
        words[round * stride + mine] = 1;
        return words[round * stride + theirs];
      },
    };
  };
}

const programs = {
  'two writers, one slot': {
    allocate: unitFor,
    sides: [slotWriter(FIRST_REFERENCE), slotWriter(FIRST_REFERENCE + 1)],
    describe: describeSlotOutcomes,
  },
  'writer and filler, one slot': {
    allocate: unitFor,
    sides: [slotWriter(FIRST_REFERENCE), slotFiller],
    describe: describeSlotOutcomes,
  },
  'writer and reader, one entry': {
    allocate: unitFor,
    sides: [entryWriter, entryReader],
    describe: (written, complete) => {
      if (complete === NO_REFERENCE) return `${OUTCOME_NAMES[written]} unwritten`;
      return `${OUTCOME_NAMES[written]} ${complete === ENTRY_WORDS ? 'complete' : 'torn'}`;
    },
  },
  'doorbell: publish or sleep': {
    allocate: (rounds) => new SharedArrayBuffer(rounds * DOORBELL_ROUND_BYTES),
    sides: [doorbellSender, doorbellReceiver],
    describe: (sleeping, record) => {
      const receiver = record ? 'record' : 'nothing';
      return `sender sees ${sleeping ? 'sleeping' : 'awake'}, receiver sees ${receiver}`;
    },
  },
  'plain store, then load': {
    allocate: (rounds) => new SharedArrayBuffer(rounds * 4 * CACHE_LINE_BYTES),
    sides: [plainStoreThenLoad(0), plainStoreThenLoad(1)],
    describe: (first, second) => `${first} ${second}`,
  },
} satisfies Record<string, LitmusProgram>;

export type LitmusProgramName = keyof typeof programs;

export const litmusPrograms: Readonly<Record<LitmusProgramName, LitmusProgram>> = programs;
