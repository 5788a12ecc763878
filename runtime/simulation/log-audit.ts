/**
 * Looks at a whole simulated log once all is well: decides every position, compares the replicas,
 * and compares the playback of each stream with a scan of the log (CORFU 1.5, Tango 2.4).
 */
import { slowTailOf } from '../../actors/log-memory.ts';
import { assert } from '../../shared-memory/assert.ts';
import { changeAsAsked } from '../asked-change.ts';
import { fillPosition, trimPrefix } from '../chain.ts';
import {
  type DataEntry,
  type LogEntry,
  type Position,
  type StreamId,
  shown,
} from '../log-entry.ts';
import type { FinalState } from './log-checker.ts';
import type { SimulatedLog } from './simulated-log.ts';
import { StreamPlayer } from './stream-player.ts';

const decoder = new TextDecoder();

export interface AuditOptions {
  /** Of the clients. */
  readonly players: readonly StreamPlayer[];
  /** Positions granted for each stream. */
  readonly grants: ReadonlyMap<StreamId, readonly Position[]>;
  readonly streams: readonly StreamId[];
  /** Positions may have no replica left. */
  readonly mayLose: boolean;
  /** Positions were granted a second time: who has played up to them knows of the first alone. */
  readonly grantsAnew: boolean;
}

/** Returns what each position holds. */
export function auditLog(log: SimulatedLog, auditor: number, options: AuditOptions): FinalState[] {
  const { players, grants, streams, mayLose, grantsAnew } = options;
  checkChains(log);
  // As the hole filler does for a trimmer that died.
  log.ran(auditor, (client) => trimPrefix(client, log.memory.sequencer.trimMark()));
  const entries: (LogEntry | undefined)[] = [];
  // What was granted anew may be decided above the tail by those who know the one before.
  const end = grantsAnew ? Math.max(log.tail, slowTailOf(log.memory, log.map())) : log.tail;
  for (let position = 0; position < end; position++) {
    entries.push(decided(log, auditor, position, mayLose));
    checkReplicas(log, position);
  }
  const isWhole = !entries.includes(undefined);
  for (const stream of streams) {
    const scanned = entries.filter(
      (one): one is DataEntry => one?.kind === 'data' && one.streams.includes(stream),
    );
    // What is lost may be part of any stream: who plays over it is told so.
    if (isWhole) checkStream(log, auditor, stream, scanned);
    markWalks(log, entries, grants.get(stream) ?? []);
    for (const player of players) {
      if (player.stream === stream && !grantsAnew) checkPlayer(player, scanned);
    }
  }
  if (isWhole) checkRebuilt(log, auditor, entries, streams);
  return entries.map((one) => {
    if (one === undefined) return 'lost';
    const entry = shown(one);
    return entry.kind === 'data' ? { value: decoder.decode(entry.payload) } : entry.kind;
  });
}

/** Undefined: every replica is lost, and whoever asks is told so. */
function decided(
  log: SimulatedLog,
  auditor: number,
  position: Position,
  mayLose: boolean,
): LogEntry | undefined {
  const fill = log.run(auditor, (client) => fillPosition(client, position));
  const outcome = log.end(fill);
  if (outcome.kind === 'done') return outcome.value;
  const isLost = log.map().chainOf(position).length === 0;
  const legal = mayLose && isLost && outcome.code === 'ERR_CORRUPT';
  assert(legal, `every position is decided: position=${position}, ${fill.reason}`);
  return undefined;
}

/** The stream state of a new sequencer is what a scan finds (I12). */
function checkRebuilt(
  log: SimulatedLog,
  auditor: number,
  entries: readonly (LogEntry | undefined)[],
  streams: readonly StreamId[],
): void {
  log.ran(auditor, (client) => changeAsAsked(client, { sequencer: 'replace' }));
  const { sequencer, sizes } = log.memory;
  const trimmed = sequencer.trimMark();
  for (const stream of streams) {
    const scanned = entries.flatMap((one, position) =>
      one?.kind === 'data' && one.streams.includes(stream) ? [position] : [],
    );
    const record = sequencer.findStream(stream, false);
    const positions = Array.from({ length: sizes.backpointers }, (_, i) =>
      record < 0 ? -1 : sequencer.streamPosition(record, i),
    ).filter((position) => position >= trimmed);
    // A checkpoint also knows positions that were issued and became junk, as the sequencer does.
    const built = positions.filter((position) => entries[position]?.kind === 'data');
    const isFull = positions.length === sizes.backpointers;
    const expected = scanned.reverse().slice(0, isFull ? built.length : sizes.backpointers);
    const text = `stream ${stream}: built=${positions.join()}, scanned=${expected.join()}`;
    assert(built.join() === expected.join(), text);
  }
}

/**
 * A written prefix with a single value, then an unwritten suffix; a trim under way may have reached
 * any of them, since a rebuilt copy is trimmed first. Junk is deleted from the start (CORFU 1.2): a
 * unit may have forgotten which of the two it was.
 */
function checkChains(log: SimulatedLog): void {
  for (let position = 0; position < log.tail; position++) {
    const all = log.at(position);
    const replicas = all.filter((one) => one !== 'trimmed');
    for (let i = 1; i < replicas.length; i++) {
      const legal = replicas[i] === replicas[i - 1] || replicas[i] === 'unwritten';
      assert(legal, `a chain holds one value: position=${position}, ${all.join(' | ')}`);
    }
  }
}

function checkReplicas(log: SimulatedLog, position: Position): void {
  const replicas = log.at(position);
  // Lost, or forgotten below a trim.
  if (replicas.length === 0) return;
  const deleted = replicas.every((one) => one === 'junk' || one === 'trimmed');
  const same = replicas[0] !== 'unwritten' && replicas.every((one) => one === replicas[0]);
  const agree = same || deleted;
  assert(agree, `replicas agree: position=${position}, ${replicas.join(' | ')}`);
}

/** A reader that begins now is given what a scan of the whole log finds. */
function checkStream(
  log: SimulatedLog,
  auditor: number,
  stream: StreamId,
  scanned: readonly DataEntry[],
): void {
  const player = new StreamPlayer(log.clients[auditor], stream);
  log.ran(auditor, () => player.play(true));
  const expected = scanned.map((one) => one.position).join();
  const played = player.positions.join();
  assert(played === expected, `stream ${stream}: played=${played}, scanned=${expected}`);
}

/** A client's reader was given every entry that is still there, up to where it has played. */
function checkPlayer(player: StreamPlayer, scanned: readonly DataEntry[]): void {
  const played = new Set(player.positions);
  for (const { position } of scanned) {
    const given = position >= player.playedTo || played.has(position);
    assert(given, `stream ${player.stream} was played without position=${position}`);
  }
}

/** Which ways a playback had to take, from what the positions hold. */
function markWalks(
  log: SimulatedLog,
  entries: readonly (LogEntry | undefined)[],
  granted: readonly Position[],
): void {
  const first = granted.findIndex((position) => entries[position]?.kind === 'data');
  if (first < 0) return;
  let run = 0;
  for (const position of granted.slice(first)) {
    run = entries[position]?.kind === 'junk' ? run + 1 : 0;
    if (run === 1) log.world.mark('walk across junk');
    if (run === log.memory.sizes.backpointers) log.world.mark('scan-down used');
  }
}
