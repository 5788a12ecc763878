/**
 * Plays one stream for a test and remembers what it was given. Goes on where history was trimmed,
 * as an application with a checkpoint would.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { assert } from '../../shared-memory/assert.ts';
import type { LogClient } from '../log-client.ts';
import type { Position, StreamId } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { StreamReader } from '../stream-reader.ts';

const decoder = new TextDecoder();

export class StreamPlayer {
  readonly client: LogClient;
  readonly stream: StreamId;
  /** Positions delivered since the beginning of history last moved, ascending. */
  positions: Position[] = [];
  /** Every position of the stream below it was delivered, or is junk or trimmed. */
  playedTo: Position = 0;
  /** Set while play() is under way, by whoever runs it. */
  playing = false;
  onEntry: (position: Position, text: string) => void = () => {};
  #reader: StreamReader;

  constructor(client: LogClient, stream: StreamId) {
    this.client = client;
    this.stream = stream;
    this.#reader = new StreamReader(client, stream);
  }

  /** Syncs and reads all there is, with next() or with play(). */
  *play(byNext: boolean): Procedure<void> {
    // What was issued before the sync is in the list after it.
    const tail = this.client.memory.sequencer.tail();
    const synced = yield* this.#sync();
    if (synced) {
      while (!(yield* this.#advance(byNext)));
      this.playedTo = Math.max(this.playedTo, tail);
    }
  }

  /** False: history was trimmed above what was read; the player begins anew. */
  *#sync(): Procedure<boolean> {
    try {
      yield* this.#reader.sync();
      return true;
    } catch (error) {
      if (!(error instanceof TangoError) || error.code !== 'ERR_TRIMMED') throw error;
      this.#reader = new StreamReader(this.client, this.stream);
      this.positions = [];
      this.playedTo = 0;
      return false;
    }
  }

  /** True when nothing is left. Passes over a position that was trimmed. */
  *#advance(byNext: boolean): Procedure<boolean> {
    try {
      if (byNext) {
        for (;;) {
          const entry = yield* this.#reader.next();
          if (entry === undefined) return true;
          assert(entry.streams.includes(this.stream), 'an entry is of the stream that is read');
          this.#deliver(entry.position, entry.payload);
        }
      }
      yield* this.#reader.play(({ position, payload }) => this.#deliver(position, payload));
      return true;
    } catch (error) {
      if (!(error instanceof TangoError) || error.code !== 'ERR_TRIMMED') throw error;
      assert(error.position !== undefined, 'it is told which position was trimmed');
      this.#reader.skipTo(error.position + 1);
      return false;
    }
  }

  #deliver(position: Position, payload: Uint8Array): void {
    const last = this.positions[this.positions.length - 1] ?? -1;
    assert(position > last, `a stream is played in order: position=${position}, last=${last}`);
    this.positions.push(position);
    this.onEntry(position, decoder.decode(payload));
  }
}
