/** What an application may ask of a reconfiguration: checked before anything is sealed. */
import type { UnitId } from '../actors/actor-ids.ts';
import { NO_SEQUENCER, type Projection } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { checkInteger, checkKeys, invalid } from './arguments.ts';
import type { LogClient } from './log-client.ts';
import type { Procedure } from './procedure.ts';
import { reconfigure } from './reconfigure.ts';

export interface ProjectionChange {
  /**
   * A storage unit that leaves every chain. A spare takes its place for later positions, and in the
   * background for the earlier ones. Each chain needs another replica.
   */
  readonly remove?: UnitId | undefined;
  /** Storage units to add, a multiple of `replicas`: positions from the tail on use them as well. */
  readonly add?: number | undefined;
  /** 'replace': a new sequencer; also after 'none'. 'none': appends probe from here on. */
  readonly sequencer?: 'replace' | 'none' | undefined;
}

const KEYS = ['remove', 'add', 'sequencer'];
const UNITS_MAX = 64;

/** Throws ERR_INVALID_ARGUMENT before anything is changed. */
export function checkChange(client: LogClient, change: ProjectionChange): void {
  checkKeys('reconfigure', change, KEYS);
  const { remove, add, sequencer } = change;
  if (remove === undefined && add === undefined && sequencer === undefined) {
    throw invalid('change', change, `one of ${KEYS.join(', ')}`);
  }
  if (sequencer !== undefined && sequencer !== 'replace' && sequencer !== 'none') {
    throw invalid('sequencer', sequencer, "'replace' or 'none'");
  }
  if (add !== undefined) {
    const { replicas } = client.memory.sizes;
    checkInteger('add', add, 1, UNITS_MAX);
    if (add % replicas !== 0) throw invalid('add', add, `a multiple of replicas=${replicas}`);
  }
  client.refreshProjection();
  if (remove !== undefined) checkRemovable(client, remove);
}

/** The last replica of a position is not removed. */
function checkRemovable({ map }: LogClient, unit: UnitId): void {
  if (!map.has(unit)) {
    throw invalid('remove', unit, `a storage unit of the projection (${map.units().join(', ')})`);
  }
  for (const { from, to, extents } of map.projection.ranges) {
    if (!extents.some(({ chain }) => chain.length === 1 && chain[0] === unit)) continue;
    const text = `the unit holds the last replica of positions [${from}, ${to ?? 'the tail'})`;
    throw new TangoError('ERR_INVALID_ARGUMENT', `${text}: remove=${unit}`, { position: from });
  }
}

/** Carries the checked `change` out, one part after the other. */
export function* changeAsAsked(client: LogClient, change: ProjectionChange): Procedure<Projection> {
  const { remove, add, sequencer } = change;
  const asked = true;
  if (remove !== undefined) {
    const lost = new Set([remove]);
    yield* reconfigure(client, ({ map }) => {
      if (!map.has(remove)) return undefined;
      checkRemovable(client, remove);
      return { lost, asked };
    });
  }
  if (add !== undefined) yield* reconfigure(client, () => ({ add, asked }));
  if (sequencer !== undefined) {
    yield* reconfigure(client, ({ map }) => {
      const isSo = sequencer === 'none' && map.sequencer === NO_SEQUENCER;
      return isSo ? undefined : { sequencer, asked };
    });
  }
  return client.map.projection;
}
