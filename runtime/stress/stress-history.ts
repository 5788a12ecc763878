/**
 * What the records of the rings mean, and whether a batch of them is right: the direct checker, and
 * once more in plain words that every acknowledged entry is there.
 */
import type { HistoryRecord } from '../../shared-memory/history-ring.ts';
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import { checkLog, type FinalState, type LoggedOperation } from '../simulation/log-checker.ts';

/**
 * `key` and `value` of a record by its kind:
 *   APPEND   value: the entry's · ends with its position
 *   READ     key: position · ends with `outcome` and the value found
 *   FILL     the same
 *   PLAY     key: stream, value: number of the cursor · one entry: ends with position, `outcome`,
 *            and the value found
 *   TAIL     ends with the tail as position
 *   CURSOR   key: stream · a call that hands over no entry itself: a sync, a playback as a whole
 */
export const StressKind = { APPEND: 1, READ: 2, FILL: 3, PLAY: 4, TAIL: 5, CURSOR: 6 } as const;
const KIND_NAMES = ['', 'append', 'read', 'fill', 'play', 'tail', 'cursor'];

/** What a position was found to hold. NOTHING: the call told nothing of any position. */
export const Found = { NOTHING: 0, VALUE: 1, JUNK: 2, TRIMMED: 3, UNWRITTEN: 4 } as const;
const OUTCOMES = ['failed', 'value', 'junk', 'trimmed', 'unwritten'] as const;

/** `outcome` of a record that FAILed or is UNKNOWN: which of the errors that may occur. */
export const FAILURES = ['ERR_LOG_FULL', 'ERR_TIMEOUT', 'ERR_ACTOR_EXITED', 'ERR_TRIMMED'] as const;

export function kindName(kind: number): string {
  return KIND_NAMES[kind] ?? `kind ${kind}`;
}

/**
 * The operation of a record, with positions counted from `base`: those below, trimmed before the
 * batch began, are negative. Undefined for what the checker has no rule for.
 */
export function loggedOperation(
  record: HistoryRecord,
  client: number,
  base: number,
): LoggedOperation | undefined {
  const { kind, call, return: returned } = record;
  const times = { client, call, return: returned };
  const ended = record.state === RecordState.OK;
  const told = ended ? OUTCOMES[record.outcome] : 'failed';
  switch (kind) {
    case StressKind.APPEND: {
      const failed = record.state === RecordState.FAIL;
      const outcome = ended ? 'ok' : failed ? 'failed' : 'unknown';
      const position = ended ? record.position - base : -1;
      return { kind: 'append', ...times, position, value: String(record.value), outcome };
    }
    case StressKind.READ:
    case StressKind.FILL: {
      const value = told === 'value' ? String(record.found) : '';
      return { kind: 'read', ...times, position: record.key - base, value, outcome: told };
    }
    case StressKind.PLAY: {
      if (told !== 'value') return undefined;
      const position = record.position - base;
      return { kind: 'play', ...times, position, value: String(record.found), outcome: told };
    }
    case StressKind.TAIL:
      if (!ended) return undefined;
      return { kind: 'tail', ...times, position: record.position - base, value: '', outcome: 'ok' };
    default:
      return undefined;
  }
}

/** The prefix trim with which a batch begins: what lies below it was trimmed by it or before. */
export function trimOf(call: number, returned: number): LoggedOperation {
  const outcome = 'ok';
  return {
    kind: 'trim prefix',
    client: 0,
    call,
    return: returned,
    position: 0,
    value: '',
    outcome,
  };
}

/** What is wrong with a batch; nothing: []. `final`: every position from its base to the tail. */
export function checkBatch(
  history: readonly LoggedOperation[],
  final: readonly FinalState[],
): string[] {
  const wrong = checkLog(history, final).map(({ rule, text }) => `rule ${rule}: ${text}`);
  for (const { kind, outcome, position, value } of history) {
    if (kind !== 'append' || outcome !== 'ok') continue;
    const there = final[position];
    const found = typeof there === 'object' ? `value ${there.value}` : (there ?? 'no position');
    if (found === `value ${value}`) continue;
    wrong.push(`an acknowledged entry is lost: position=${position}, ${value}, found ${found}`);
  }
  // Nobody trims during a batch.
  final.forEach((state, position) => {
    if (state === 'trimmed') wrong.push(`position ${position} is trimmed, nobody had trimmed it`);
  });
  return wrong;
}
