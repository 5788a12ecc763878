/** The invariants of RELIABILITY 2.4, in the words in which a violation is reported. */
import { completeAt, JUNK, type LogView, UNWRITTEN } from './log-view.ts';
import type { Result } from './process.ts';

/** Of a memory alone (I1, I4, I9). */
export function checkView(view: LogView): string | undefined {
  const seen = new Map<string, number>();
  for (const [position, { replicas }] of view.positions.entries()) {
    for (const [i, held] of replicas.entries()) {
      const above = replicas[i - 1];
      if (i > 0 && held !== UNWRITTEN && held !== above) {
        return `replicas disagree: position=${position}, head first: ${replicas.join(' | ')}`;
      }
      if (held === UNWRITTEN || held === JUNK || i > 0) continue;
      const earlier = seen.get(held);
      if (earlier !== undefined) {
        return `entry ${held} is at two positions: ${earlier}, ${position}`;
      }
      seen.set(held, position);
    }
  }
  return undefined;
}

/** Of a step: what only grows, and what stays once it is decided (I2, I5, I7, I8). */
export function checkStep(before: LogView, after: LogView): string | undefined {
  if (after.epoch < before.epoch) return `the epoch fell: ${before.epoch}, ${after.epoch}`;
  if (after.tail < before.tail) return `the tail fell: ${before.tail}, ${after.tail}`;
  for (const [i, sealed] of before.sealed.entries()) {
    if (after.sealed[i] < sealed) return `a sealed epoch fell: ${sealed}, ${after.sealed[i]}`;
  }
  for (let position = 0; position < before.positions.length; position++) {
    const was = completeAt(before, position);
    const is = completeAt(after, position);
    if (was === UNWRITTEN || was === is) continue;
    return `position=${position} read as ${was}, and now as ${is || 'unwritten'}`;
  }
  return undefined;
}

/** Of what processes were told (I2, I3, I6, I8). */
export function checkResult(view: LogView, { kind, position, what }: Result): string | undefined {
  if (kind === 'failed') return `an operation failed: ${what}`;
  if (kind === 'refused') {
    const at = view.positions.findIndex(({ replicas }) => replicas[0] === what);
    return at < 0 ? undefined : `failed, and in the log: ${what} at position=${at}`;
  }
  const { replicas } = view.positions[position];
  if (kind === 'appended') {
    if (view.tail <= position) {
      return `acknowledged at or above the tail: position=${position}, tail=${view.tail}`;
    }
    if (replicas.every((held) => held === what)) return undefined;
    return `acknowledged and lost: ${what} at position=${position}, now: ${replicas.join(' | ')}`;
  }
  const is = completeAt(view, position);
  return is === what ? undefined : `position=${position} was read as ${what}, and is ${is}`;
}

/**
 * Of a state in which nothing goes on any more: every entry of the stream that readers can see is
 * known to the sequencer, in order (I11, I12).
 */
export function checkEnd(view: LogView): string | undefined {
  if (!view.serves || view.lockOwner !== 0) return undefined;
  const inLog: number[] = [];
  for (let position = view.positions.length - 1; position >= 0; position--) {
    const { streams } = view.positions[position];
    if (streams.includes(1) && completeAt(view, position) !== UNWRITTEN) inLog.push(position);
  }
  const known = view.stream.filter((position) => inLog.includes(position));
  if (known.join() === inLog.join()) return undefined;
  return `the stream is at ${inLog.join()}, and the sequencer says ${view.stream.join()}`;
}
