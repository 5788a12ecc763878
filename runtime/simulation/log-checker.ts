/**
 * Checks a history of operations against the contract of the log. Positions are witnesses of the
 * order and values are unique, so no search is needed: sorting is all, O(n log n).
 */

/** 'play': an entry handed on by playback. It may come from a cache, where no trim reaches it. */
export type OperationKind = 'append' | 'read' | 'play' | 'trim' | 'trim prefix' | 'tail';

/**
 * What came back.
 *   append        'ok' with the position · 'failed': it is not in the log · 'unknown'
 *   read, play    'value' · 'junk' · 'trimmed' · 'unwritten' · 'failed': it told nothing
 *   trim, tail    'ok' · 'failed': a trim may have taken place
 */
export type OperationOutcome =
  | 'ok'
  | 'value'
  | 'junk'
  | 'trimmed'
  | 'unwritten'
  | 'failed'
  | 'unknown';

/** A fill that returns what it decided is a read. */
export interface LoggedOperation {
  readonly kind: OperationKind;
  readonly client: number;
  /** Moments on one clock that is equal for all clients; no two are equal. */
  readonly call: number;
  /** Infinity for an operation whose client died. */
  readonly return: number;
  /** Of the entry; for 'tail' the tail; for 'trim prefix' the first position that stays. */
  readonly position: number;
  /** The payload appended or read; unique for each append. */
  readonly value: string;
  readonly outcome: OperationOutcome;
}

/** What a position holds in the end; 'lost': nobody knows, for no replica is left. */
export type FinalState = 'unwritten' | 'junk' | 'trimmed' | 'lost' | { readonly value: string };

/**
 * a  two appends acknowledged at one position
 * b  an append that began after another returned lies below it
 * c  reads of one position disagree with each other or with the acknowledged append
 * d  a value that nobody had appended by then, that failed, or that is at two positions
 * e  nothing at a position that is known to be decided
 * f  a tail at or below an acknowledged position
 * g  a tail that goes back
 * h  in the end a position below the tail is undecided, or is not what was seen there
 * i  a trimmed position has a value again, or is trimmed without a trim. Junk is deleted from the
 *    start (CORFU 1.2), so a trim above it may make it read as trimmed.
 */
export type Rule = 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i';

export interface Violation {
  readonly rule: Rule;
  readonly text: string;
}

/** `final`: what each position below the final tail holds, if the log could be looked at. */
export function checkLog(
  history: readonly LoggedOperation[],
  final?: readonly FinalState[],
): Violation[] {
  const violations: Violation[] = [];
  const report = (rule: Rule, text: string): void => {
    violations.push({ rule, text });
  };
  const appends = appendsByValue(history);
  const places = placesOf(history, report);
  checkOrder(history, places, report);
  checkReads(history, appends, places, report);
  checkTails(history, report);
  checkTrims(history, places, report);
  if (final !== undefined) checkFinal(final, appends, places, report);
  return violations;
}

type Report = (rule: Rule, text: string) => void;

/** What is known of each position: the one thing it holds or held. */
type Places = ReadonlyMap<number, string>;

const JUNK = '(junk)';

function appendsByValue(history: readonly LoggedOperation[]): Map<string, LoggedOperation> {
  const appends = new Map<string, LoggedOperation>();
  for (const one of history) if (one.kind === 'append') appends.set(one.value, one);
  return appends;
}

/** Rules a and c: one content for each position. */
function placesOf(history: readonly LoggedOperation[], report: Report): Places {
  const places = new Map<number, string>();
  const acknowledged = new Map<number, string>();
  const note = (rule: Rule, position: number, content: string): void => {
    const before = places.get(position);
    if (before === undefined) places.set(position, content);
    else if (before !== content) {
      report(rule, `position ${position} is ${before} and ${content}`);
    }
  };
  for (const one of history) {
    if (one.kind !== 'append' || one.outcome !== 'ok') continue;
    const before = acknowledged.get(one.position);
    if (before !== undefined) report('a', `position ${one.position}: ${before} and ${one.value}`);
    acknowledged.set(one.position, one.value);
    places.set(one.position, one.value);
  }
  for (const one of history) {
    if (one.outcome === 'value') note('c', one.position, one.value);
    if (one.outcome === 'junk') note('c', one.position, JUNK);
  }
  return places;
}

/** Rule b: from the highest position down, nobody begins after one above it has returned. */
function checkOrder(history: readonly LoggedOperation[], places: Places, report: Report): void {
  const positionOf = new Map<string, number>();
  for (const [position, value] of places) positionOf.set(value, position);
  const placed: { position: number; append: LoggedOperation }[] = [];
  for (const append of history) {
    if (append.kind !== 'append') continue;
    const position = positionOf.get(append.value);
    if (position !== undefined) placed.push({ position, append });
  }
  placed.sort((a, b) => b.position - a.position);
  let earliest: (typeof placed)[number] | undefined;
  for (const one of placed) {
    if (earliest !== undefined && one.append.call > earliest.append.return) {
      const above = `${earliest.append.value} at ${earliest.position} had returned`;
      report('b', `${one.append.value} at ${one.position} began when ${above}`);
    }
    const returned = one.append.outcome === 'ok' ? one.append.return : Number.POSITIVE_INFINITY;
    if (earliest === undefined || returned < earliest.append.return) {
      if (one.append.outcome === 'ok') earliest = one;
    }
  }
}

/** Rule d for values that were read, rule e for those that were not. */
function checkReads(
  history: readonly LoggedOperation[],
  appends: ReadonlyMap<string, LoggedOperation>,
  places: Places,
  report: Report,
): void {
  const seenAt = new Map<string, number>();
  for (const [position, value] of places) {
    if (value === JUNK) continue;
    const before = seenAt.get(value);
    if (before !== undefined) report('d', `${value} is at ${before} and at ${position}`);
    seenAt.set(value, position);
  }
  for (const one of history) {
    if (one.outcome !== 'value') continue;
    const append = appends.get(one.value);
    if (append === undefined) report('d', `${one.value} at ${one.position} was never appended`);
    else if (append.call > one.return) report('d', `${one.value} was read before its append`);
    else if (append.outcome === 'failed') report('d', `${one.value} was read and had failed`);
  }
}

/** Rules e, f and g: what is known of the tail only grows. */
function checkTails(history: readonly LoggedOperation[], report: Report): void {
  const calls = [...history].sort((a, b) => a.call - b.call);
  const returns = history.filter((one) => one.return < Number.POSITIVE_INFINITY);
  returns.sort((a, b) => a.return - b.return);
  let next = 0;
  let acknowledged = -1;
  let decided = -1;
  let tail = 0;
  for (const one of calls) {
    for (; next < returns.length && returns[next].return < one.call; next++) {
      const { kind, outcome, position } = returns[next];
      if (kind === 'tail' && outcome === 'ok') tail = Math.max(tail, position);
      if (kind === 'append' && outcome === 'ok') acknowledged = Math.max(acknowledged, position);
      const tells = outcome === 'value' || outcome === 'junk' || outcome === 'trimmed';
      if ((kind === 'read' || kind === 'play') && tells) decided = Math.max(decided, position);
    }
    const { position } = one;
    if (one.kind === 'read' && one.outcome === 'unwritten') {
      const known = Math.max(acknowledged, decided, tail - 1);
      if (position <= known) report('e', `nothing at ${position}, below known ${known}`);
    }
    if (one.kind === 'tail' && one.outcome === 'ok') {
      if (position <= Math.max(acknowledged, decided)) {
        report('f', `tail ${position}, ${Math.max(acknowledged, decided)} is decided`);
      }
      if (position < tail) report('g', `tail ${position} after ${tail}`);
    }
  }
}

/** Rule i, by what the operations that returned in time have told. */
function checkTrims(history: readonly LoggedOperation[], places: Places, report: Report): void {
  const trims = history.filter((one) => one.kind === 'trim');
  const prefixes = history.filter((one) => one.kind === 'trim prefix');
  const done = (one: LoggedOperation): boolean => one.outcome === 'ok';
  const trimCall = firstAt(trims, (one) => one.call);
  const trimDone = firstAt(trims.filter(done), (one) => one.return);
  const seenTrimmed = history.filter((one) => one.kind === 'read' && one.outcome === 'trimmed');
  const trimSeen = firstAt(seenTrimmed, (one) => one.return);
  const prefixCall = firstBeyond(prefixes, (one) => one.call);
  const prefixDone = firstBeyond(prefixes.filter(done), (one) => one.return);
  const aboveCall = firstBeyond([...trims, ...prefixes], (one) => one.call);
  for (const one of history) {
    if (one.kind !== 'read') continue;
    const { position } = one;
    const trimmed = Math.min(trimDone(position), prefixDone(position));
    if (one.outcome === 'trimmed') {
      const isValue = (places.get(position) ?? JUNK) !== JUNK;
      const above = isValue ? Number.POSITIVE_INFINITY : aboveCall(position);
      const call = Math.min(trimCall(position), prefixCall(position), above);
      if (call > one.return) report('i', `${position} is trimmed, nobody had trimmed it`);
    } else if (one.outcome === 'value') {
      const since = Math.min(trimmed, trimSeen(position));
      if (since < one.call) report('i', `${position} is ${one.value} after it was trimmed`);
    } else if (one.outcome === 'junk' && trimmed < one.call) {
      report('i', `${position} is junk after it was trimmed`);
    }
  }
}

/** The earliest moment at which one of `operations` is about a position. */
function firstAt(
  operations: readonly LoggedOperation[],
  momentOf: (one: LoggedOperation) => number,
): (position: number) => number {
  const moments = new Map<number, number>();
  for (const one of operations) {
    const before = moments.get(one.position) ?? Number.POSITIVE_INFINITY;
    moments.set(one.position, Math.min(before, momentOf(one)));
  }
  return (position) => moments.get(position) ?? Number.POSITIVE_INFINITY;
}

/** The earliest moment at which one of `prefixes` covers a position. */
function firstBeyond(
  prefixes: readonly LoggedOperation[],
  momentOf: (one: LoggedOperation) => number,
): (position: number) => number {
  const sorted = [...prefixes].sort((a, b) => b.position - a.position);
  const limits: number[] = [];
  const moments: number[] = [];
  let earliest = Number.POSITIVE_INFINITY;
  for (const one of sorted) {
    earliest = Math.min(earliest, momentOf(one));
    limits.push(one.position);
    moments.push(earliest);
  }
  return (position) => {
    // The last of the descending limits that is above the position.
    let low = 0;
    let high = limits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (limits[middle] > position) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? Number.POSITIVE_INFINITY : moments[low - 1];
  };
}

/** Rules h and, once more, d: what is there in the end. */
function checkFinal(
  final: readonly FinalState[],
  appends: ReadonlyMap<string, LoggedOperation>,
  places: Places,
  report: Report,
): void {
  const seenAt = new Map<string, number>();
  for (const [position, value] of places) if (value !== JUNK) seenAt.set(value, position);
  for (const [position, state] of final.entries()) {
    const known = places.get(position);
    if (state === 'unwritten') report('h', `position ${position} is undecided`);
    if (state === 'unwritten' || state === 'trimmed' || state === 'lost') continue;
    const content = state === 'junk' ? JUNK : state.value;
    if (known !== undefined && known !== content) {
      report('h', `position ${position} was ${known} and is ${content}`);
    }
    if (state === 'junk') continue;
    const append = appends.get(content);
    if (append === undefined) report('d', `${content} at ${position} was never appended`);
    else if (append.outcome === 'failed') report('d', `${content} is there and had failed`);
    const before = seenAt.get(content);
    if (before !== undefined && before !== position) {
      report('d', `${content} is at ${before} and at ${position}`);
    }
    seenAt.set(content, position);
  }
  for (const position of places.keys()) {
    if (position >= final.length) report('h', `position ${position} is beyond the final tail`);
  }
}
