/**
 * Data races of one execution, by vector clocks: two accesses to the same byte, one of them plain
 * and one of them writing, that no chain of program order, atomics that read each other's stores,
 * notifications and awaited exits puts in order. Finds a race even if the two are far apart.
 */
import { type Access, isPlain, mayWrite, nameOf } from './watched-memory.ts';

type Clock = number[];

/** The latest accesses of each thread to one byte, as that thread's own time. */
interface ByteRecord {
  readonly plainReads: Clock;
  readonly plainWrites: Clock;
  readonly atomicReads: Clock;
  readonly atomicWrites: Clock;
}

export class RaceDetector {
  readonly #clocks: Clock[];
  readonly #bytes = new Map<number, ByteRecord>();
  /** The clock of the store that an atomic load would see. */
  readonly #released = new Map<number, Clock>();

  constructor(threads: number) {
    const zero = Array.from({ length: threads }, () => 0);
    this.#clocks = zero.map((_, thread) => zero.map((_time, other) => (other === thread ? 1 : 0)));
  }

  /** `thread` goes on after the end of `other`, or was notified by it. */
  join(thread: number, other: number): void {
    merge(this.#clocks[thread], this.#clocks[other]);
  }

  /**
   * Takes in an access; `wrote`: it changed the word, or stored it again. A description of the race
   * if it is one. `mayRace`: it is a read that is confirmed later.
   */
  take(thread: number, access: Access, wrote: boolean, mayRace: boolean): string | undefined {
    const clock = this.#clocks[thread];
    const plain = isPlain(access);
    if (access.kind === 'settle' || access.kind === 'notify') return undefined;
    if (!plain) merge(clock, this.#released.get(access.at) ?? []);
    let race: string | undefined;
    for (let at = access.at; at < access.at + access.bytes; at++) {
      const record = this.#recordOf(at);
      const against = [record.plainWrites];
      if (plain) against.push(record.atomicWrites);
      if (wrote && !mayRace) against.push(record.plainReads);
      if (wrote && plain && !mayRace) against.push(record.atomicReads);
      if (!mayRace && against.some((times) => isAhead(times, clock, thread))) {
        race = `data race: ${access.kind} at ${nameOf(access.at)}, not ordered with one before`;
      }
      // A read that may race leaves no trace: the write that comes next may race with it as well.
      if (mayRace) continue;
      if (wrote) (plain ? record.plainWrites : record.atomicWrites)[thread] = clock[thread];
      else (plain ? record.plainReads : record.atomicReads)[thread] = clock[thread];
    }
    if (wrote && !plain && mayWrite(access)) this.#released.set(access.at, [...clock]);
    clock[thread]++;
    return race;
  }

  #recordOf(at: number): ByteRecord {
    let record = this.#bytes.get(at);
    if (record === undefined) {
      record = { plainReads: [], plainWrites: [], atomicReads: [], atomicWrites: [] };
      this.#bytes.set(at, record);
    }
    return record;
  }
}

/** Some other thread's access lies beyond what `clock` knows of that thread. */
function isAhead(times: Clock, clock: Clock, thread: number): boolean {
  return times.some((time, other) => other !== thread && time > clock[other]);
}

function merge(into: Clock, from: Clock): void {
  from.forEach((time, thread) => {
    if (time > into[thread]) into[thread] = time;
  });
}
