/** Calls and returns in the order of time: the only thing a checker takes from the clock. */
import { TangoError } from '../../actors/tango-error.ts';

/** Any unit, as long as it is the same for the whole history; process.hrtime.bigint() is one. */
export type Time = number | bigint;

export interface Interval {
  readonly call: Time;
  /** Infinity: it never returned. */
  readonly return: Time;
}

/**
 * Event 2i is the call of interval i, and 2i + 1 its return. At equal times calls come first: what
 * touches is concurrent, so that a coarse clock never makes a history look wrong. An interval that
 * never returned has only a call. ERR_INVALID_ARGUMENT for a return before the call, and for NaN.
 */
export function eventsInOrder(intervals: readonly Interval[]): number[] {
  const calls: number[] = [];
  const returns: number[] = [];
  for (const [i, interval] of intervals.entries()) {
    const { call, return: end } = interval;
    if (!(call <= end) || call === Infinity) {
      const text = `a call not after its return was expected: call=${call}, return=${end}, index=${i}`;
      throw new TangoError('ERR_INVALID_ARGUMENT', text);
    }
    calls.push(i);
    if (end !== Infinity) returns.push(i);
  }
  calls.sort((a, b) => compare(intervals[a].call, intervals[b].call));
  returns.sort((a, b) => compare(intervals[a].return, intervals[b].return));
  const events: number[] = [];
  let called = 0;
  for (const i of returns) {
    const end = intervals[i].return;
    while (called < calls.length && intervals[calls[called]].call <= end) {
      events.push(2 * calls[called++]);
    }
    events.push(2 * i + 1);
  }
  while (called < calls.length) events.push(2 * calls[called++]);
  return events;
}

function compare(one: Time, other: Time): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
