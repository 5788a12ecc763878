/**
 * A small log whose clients live on one thread and take their steps when they are told to: a step is
 * one request, which the client serves itself on the shared memory (the direct link, paced). What the
 * memory holds can be kept and put back, so that many executions begin alike.
 */
import { sequencerActor } from '../../actors/actor-ids.ts';
import { LogMemory } from '../../actors/log-memory.ts';
import { placeActors, settle } from '../../actors/placement.ts';
import { firstProjection } from '../../actors/projection.ts';
import { reconfigure } from '../../runtime/reconfigure.ts';
import { smallBuffers } from '../../runtime/simulation/small-buffers.ts';
import { assert } from '../../shared-memory/assert.ts';
import { streamHeaderWords } from '../../shared-memory/entry-layout.ts';
import { allocateUnit } from '../../shared-memory/unit-memory.ts';
import { LONG_BYTES } from '../../shared-memory/words.ts';
import { allocateRegisters } from '../../shared-memory/write-once-registers.ts';
import { SteppedClient } from './stepped-client.ts';

const REPLICAS = 2;
/** One for the sequencer, one for each replica, and the housekeeper's: nobody is there. */
const ACTOR_THREADS = REPLICAS + 2;
const BACKPOINTERS = 4;
const SLOTS = 64;
const CHUNK_BYTES = 1024;
const CHUNKS = 32;
const ENTRY_BYTES_MAX = 512;
const EPOCHS_MAX = 32;
const PROJECTION_BYTES = 1024;

export class InterleavedLog {
  readonly memory: LogMemory;
  /** Virtual: moves when somebody waits for a time. */
  nowMs = 0;
  readonly #buffers: readonly Buffer[];
  #kept: readonly Buffer[] = [];
  #keptMs = 0;

  /** `tells`: a client that has decided a commit tells the others; else each decides by itself. */
  constructor(clients: number, tells: boolean) {
    const sizes = { storageUnits: REPLICAS, replicas: REPLICAS, actorThreads: ACTOR_THREADS };
    const small = smallBuffers({ ...sizes, attachMax: clients, backpointers: BACKPOINTERS });
    const unit = {
      streamHeaderWords: streamHeaderWords(BACKPOINTERS),
      slotCount: SLOTS,
      chunkBytes: CHUNK_BYTES,
      chunkCount: CHUNKS,
      headroomChunks: 2,
    };
    const buffers = {
      ...small,
      sizes: { ...small.sizes, logBytes: CHUNKS * CHUNK_BYTES, entryBytesMax: ENTRY_BYTES_MAX },
      units: small.units.map(() => allocateUnit(unit)),
      layoutStore: allocateRegisters(EPOCHS_MAX, EPOCHS_MAX * PROJECTION_BYTES),
      verdicts: new SharedArrayBuffer(tells ? SLOTS * LONG_BYTES : 0),
    };
    this.memory = new LogMemory(buffers);
    this.#buffers = Object.values(buffers)
      .flat()
      .filter((one) => one instanceof SharedArrayBuffer)
      .map((one) => Buffer.from(one));
    const { threads, layoutStore, sequencer, homes } = this.memory;
    for (let thread = 0; thread < threads.count; thread++) {
      assert(threads.claim(thread, thread + 1) === thread, 'the index is free');
      threads.setTurning(thread, true);
    }
    layoutStore.propose(firstProjection(REPLICAS, REPLICAS, sequencerActor(0)));
    sequencer.setBuilt(1);
    settle(homes, placeActors(ACTOR_THREADS - 1, REPLICAS));
  }

  /** The client on the nth of the clients' threads, from 0; a new one each time. */
  client(number: number): SteppedClient {
    return new SteppedClient(this, ACTOR_THREADS + number);
  }

  /** What the memory holds now is what restore() puts back. */
  keep(): void {
    this.#kept = this.#buffers.map((buffer) => Buffer.from(buffer));
    this.#keptMs = this.nowMs;
  }

  /** Clients of before are not to be used any more. */
  restore(): void {
    for (const [i, kept] of this.#kept.entries()) kept.copy(this.#buffers[i]);
    this.nowMs = this.#keptMs;
  }

  /** A new sequencer in the place of the one before, by `client`, from seal to service. */
  replaceSequencer({ link }: SteppedClient): void {
    const { epoch } = this.memory.layoutStore.latest() ?? { epoch: 0 };
    link.runSync(
      reconfigure(link.client, ({ map }) =>
        map.epoch > epoch ? undefined : { sequencer: 'replace' },
      ),
    );
  }
}
