/**
 * Looks at a whole simulated log once all is well: decides every position, compares the replicas,
 * and compares the playback of each stream with a scan of the log (CORFU 1.5, Tango 2.4).
 */
import { assert } from '../../shared-memory/assert.ts';
import { fillPosition, trimPrefix } from '../chain.ts';
import type { DataEntry, LogEntry, Position, StreamId } from '../log-entry.ts';
import type { FinalState } from './log-checker.ts';
import type { SimulatedLog } from './simulated-log.ts';
import { StreamPlayer } from './stream-player.ts';

const decoder = new TextDecoder();

/** `players` are those of the clients, `grants` the positions granted for each stream. */
export function auditLog(
  log: SimulatedLog,
  players: readonly StreamPlayer[],
  grants: ReadonlyMap<StreamId, readonly Position[]>,
  streams: readonly StreamId[],
): FinalState[] {
  checkChains(log);
  const auditor = log.addClient();
  // As the hole filler does for a trimmer that died.
  log.ran(auditor, (client) => trimPrefix(client, log.memory.sequencer.trimMark()));
  const entries: LogEntry[] = [];
  for (let position = 0; position < log.tail; position++) {
    entries.push(log.ran(auditor, (client) => fillPosition(client, position)));
    checkReplicas(log, position);
  }
  for (const stream of streams) {
    const scanned = entries.filter((one) => one.kind === 'data' && one.streams.includes(stream));
    checkStream(log, auditor, stream, scanned as DataEntry[]);
    // A dead client's request may have been granted since.
    const granted = (grants.get(stream) ?? []).filter((position) => position < entries.length);
    markWalks(log, entries, granted);
    for (const player of players) {
      if (player.stream === stream) checkPlayer(player, scanned as DataEntry[]);
    }
  }
  return entries.map((one) =>
    one.kind === 'data' ? { value: decoder.decode(one.payload) } : one.kind,
  );
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
  entries: readonly LogEntry[],
  granted: readonly Position[],
): void {
  const first = granted.findIndex((position) => entries[position].kind === 'data');
  if (first < 0) return;
  let run = 0;
  for (const position of granted.slice(first)) {
    run = entries[position].kind === 'junk' ? run + 1 : 0;
    if (run === 1) log.world.mark('walk across junk');
    if (run === log.memory.sizes.backpointers) log.world.mark('scan-down used');
  }
}
