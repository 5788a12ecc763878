/** What processes of an explored log do. Each begins at any time. */
import type { UnitId } from '../../actors/actor-ids.ts';
import { TangoError } from '../../actors/tango-error.ts';
import { fillPosition } from '../chain.ts';
import type { LogClient } from '../log-client.ts';
import type { LogEntry } from '../log-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import { readPosition } from '../read.ts';
import { rebuildOne } from '../rebuild.ts';
import { type Plan, reconfigure } from '../reconfigure.ts';
import { diagnose, isSealed, repair } from '../repair.ts';
import { identityOf, JUNK } from './log-view.ts';
import type { ProcessSpec, Tell } from './process.ts';

type Traits = Pick<ProcessSpec, 'takeovers' | 'mortal' | 'watches' | 'link'>;

/** Appends once, or `times` one after the other, to `streams`. */
export function appender(
  name: string,
  { streams = [], times = 1, ...traits }: Traits & { streams?: number[]; times?: number } = {},
): ProcessSpec {
  return {
    ...traits,
    name,
    begin(client, tell) {
      let sequence = 0;
      const next = (): void => {
        if (sequence === times) return;
        const what = identityOf(client.incarnation, ++sequence);
        client.append(Uint8Array.of(sequence), streams, false, {
          appended: (position) => {
            tell({ kind: 'appended', position, what });
            next();
          },
          failed: (error) =>
            tell(isRefusal(error) ? { kind: 'refused', position: -1, what } : failed(error)),
        });
      };
      next();
    },
  };
}

/** Every unit that the entry was staged in has left the log. */
function isRefusal(error: unknown): boolean {
  return error instanceof TangoError && error.code === 'ERR_ACTOR_EXITED' && !('position' in error);
}

function failed(error: unknown) {
  const code = error instanceof TangoError ? `${error.code}: ` : '';
  const what = error instanceof Error ? `${code}${error.message}` : String(error);
  return { kind: 'failed', position: -1, what } as const;
}

function process(
  name: string,
  traits: Traits,
  body: (client: LogClient, tell: Tell) => Procedure<void>,
): ProcessSpec {
  function* begun(client: LogClient, tell: Tell): Procedure<void> {
    yield* pause(0);
    yield* body(client, tell);
  }
  return {
    ...traits,
    name,
    begin: (client, tell) =>
      client.run(begun(client, tell), {
        done: () => {},
        failed: (error) => tell(failed(error)),
      }),
  };
}

function tellEntry(tell: Tell, entry: LogEntry): void {
  const { kind, position } = entry;
  const what =
    kind === 'data' ? identityOf(entry.writer.thread, entry.writer.sequence) : kind && JUNK;
  tell({ kind: 'read', position, what });
}

/** Decides `positions` below the tail, as a hole filler does. */
export function filler(
  name: string,
  positions: readonly number[],
  traits: Traits = {},
): ProcessSpec {
  return process(name, traits, function* (client, tell) {
    for (const position of positions) {
      if (position < client.tail()) tellEntry(tell, yield* fillPosition(client, position));
    }
  });
}

/** Reads `positions`; those at or above the tail are passed over. */
export function reader(
  name: string,
  positions: readonly number[],
  traits: Traits = {},
): ProcessSpec {
  return process(name, traits, function* (client, tell) {
    for (const position of positions) {
      if (position < client.tail()) tellEntry(tell, yield* readPosition(client, position));
    }
  });
}

/** Takes `unit` for lost, rightly or not, as long as its chains have another replica. */
export function replacer(name: string, unit: UnitId, traits: Traits = {}): ProcessSpec {
  return process(name, traits, function* (client) {
    yield* reconfigure(client, withoutUnit(unit));
  });
}

function withoutUnit(unit: UnitId): Plan {
  const lost = new Set([unit]);
  return ({ map }) => {
    const alone = map.projection.ranges.some(({ extents }) =>
      extents.some(({ chain }) => chain.length === 1 && chain[0] === unit),
    );
    return map.has(unit) && !alone ? { lost } : undefined;
  };
}

/** Names a new sequencer. */
export function sequencerReplacer(name: string, traits: Traits = {}): ProcessSpec {
  const plan: Plan = ({ map }) =>
    map.projection.sequencerSince === 1 ? { sequencer: 'replace' } : undefined;
  return process(name, traits, function* (client) {
    yield* reconfigure(client, plan);
  });
}

/** The monitor: waits for something to go wrong, and brings the log back, once. */
export function repairer(name: string, traits: Traits = {}): ProcessSpec {
  return process(name, { ...traits, watches: true }, function* (client) {
    while (diagnose(client) === undefined && !isSealed(client)) yield* pause(0);
    yield* repair(client);
  });
}

/** Takes `unit` for lost, and copies to the spare what it is owed. */
export function restorer(name: string, unit: UnitId, traits: Traits = {}): ProcessSpec {
  return process(name, traits, function* (client) {
    yield* reconfigure(client, withoutUnit(unit));
    while (yield* rebuildOne(client));
  });
}
