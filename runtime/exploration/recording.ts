/**
 * What a process has seen of the shared memory. Its views are wrapped so that every answer it gets
 * is noted: two runs of deterministic code that were given the same answers are at the same place.
 * Which parts of the memory were touched is noted as well: elsewhere nothing can have mattered.
 */
import { type UnitId, unitId, unitIndex } from '../../actors/actor-ids.ts';
import { LogMemory } from '../../actors/log-memory.ts';
import type { SequencerMemory } from '../../shared-memory/sequencer-memory.ts';
import type { UnitMemory } from '../../shared-memory/unit-memory.ts';
import { WORD_BYTES } from '../../shared-memory/words.ts';
import type { LogParts } from './log-parts.ts';

export class Recorder {
  /** A bit a part. */
  touched = 0;
  /** Above 0: what is looked at is no answer to the process. */
  muted = 0;
  #notes: string[] = [];

  begin(): void {
    this.touched = 0;
    this.#notes = [];
  }

  touch(part: number): void {
    this.touched |= 1 << part;
  }

  note(value: unknown): void {
    if (this.muted > 0) return;
    this.#notes.push(typeof value === 'object' ? JSON.stringify(value) : String(value));
  }

  /** Everything noted since begin(). */
  get text(): string {
    return this.#notes.join(' ');
  }
}

/** What is noted instead of a method's result. */
type Notes = Record<string, (result: unknown) => unknown>;

/** `target` with every call and every plain property noted; `parts` replace properties. */
function watched<T extends object>(
  target: T,
  part: number,
  recorder: Recorder,
  parts: Partial<Record<keyof T, unknown>> = {},
  notes: Notes = {},
): T {
  const methods = new Map<string | symbol, unknown>();
  const wrap = (key: string | symbol, method: (...args: unknown[]) => unknown): unknown => {
    const noted = notes[String(key)];
    return (...args: unknown[]) => {
      recorder.touch(part);
      const result = method.apply(target, args);
      recorder.note(noted === undefined ? result : noted(result));
      return result;
    };
  };
  return new Proxy(target, {
    get: (_, key) => {
      const known = methods.get(key) ?? parts[key as keyof T];
      if (known !== undefined) return known;
      recorder.touch(part);
      // The target itself as receiver: its private fields are not the proxy's.
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value === 'function') {
        // Looked up when called: a view's own method may be replaced.
        const method = wrap(key, value as (...args: unknown[]) => unknown);
        methods.set(key, method);
        return method;
      }
      if (typeof value !== 'object') recorder.note(value);
      return value;
    },
  });
}

function watchedUnit(unit: UnitMemory, part: number, recorder: Recorder): UnitMemory {
  const { reader, slots, chunks } = unit;
  // The bytes of the entry are what was read of it, whoever looks at them later.
  const located = (outcome: unknown): unknown => {
    if (reader.entryOffset === 0) return outcome;
    const end = reader.payloadOffset + reader.payloadBytes;
    const words = unit.words.subarray(reader.entryOffset / WORD_BYTES, Math.ceil(end / WORD_BYTES));
    return `${outcome}:${words.join(',')}`;
  };
  return watched(unit, part, recorder, {
    slots: watched(slots, part, recorder),
    chunks: watched(chunks, part, recorder),
    reader: watched(reader, part, recorder, {}, { locate: located }),
  });
}

/** One process's views on the log. */
export class RecordedMemory extends LogMemory {
  /** The same without anybody noticing. */
  readonly raw: LogMemory;
  /** Told inside the sequencer's critical section: it was entered, or is about to be left. */
  onLock: (leaving: boolean) => void = () => {};
  readonly #watched: readonly UnitMemory[];

  constructor(parts: LogParts, recorder: Recorder) {
    super(parts.buffers);
    this.raw = new LogMemory(parts.buffers);
    this.#watched = parts.buffers.units.map((_, index) =>
      watchedUnit(super.unit(index), index, recorder),
    );
    const replace = (name: keyof LogMemory, value: unknown): void => {
      Object.defineProperty(this, name, { value });
    };
    const { sequencer, layoutStore, threads, homes } = this;
    for (const one of [sequencer, this.raw.sequencer]) this.#watchLock(one);
    replace('sequencer', watched(sequencer, parts.sequencer, recorder));
    replace('layoutStore', watched(layoutStore, parts.layoutStore, recorder));
    // Between two steps nobody is in flight; the counts are the explorer's.
    const isOn = (count: unknown): unknown => (count as number) & 1;
    replace('threads', watched(threads, parts.threads, recorder, {}, { flight: isOn }));
    replace('homes', watched(homes, parts.homes, recorder));
  }

  #watchLock(sequencer: SequencerMemory): void {
    const tryLock = sequencer.tryLock.bind(sequencer);
    const unlock = sequencer.unlock.bind(sequencer);
    sequencer.tryLock = (incarnation) => {
      const entered = tryLock(incarnation);
      if (entered) this.onLock(false);
      return entered;
    };
    sequencer.unlock = () => {
      this.onLock(true);
      unlock();
    };
  }

  override unit(unit: UnitId): UnitMemory {
    return this.#watched[unitIndex(unit)];
  }

  override unitAt(index: number): UnitId {
    return unitId(index, this.unit(index).tenancy());
  }
}
