/** Entry of an actor thread of the log: says which actors live here. */
import { workerData } from 'node:worker_threads';
import { clientActor, sequencerActor, unitActor } from '../actors/actor-ids.ts';
import {
  type ActorThreadData,
  type HostedActorSpec,
  runActorThread,
} from '../actors/actor-thread.ts';
import { LatestProjection } from '../actors/layout-store.ts';
import { capacityOf, type LogMemory } from '../actors/log-memory.ts';
import { directoryOf, unitsOn } from '../actors/placement.ts';
import { Sequencer } from '../actors/sequencer.ts';
import { StorageUnit } from '../actors/storage-unit.ts';
import { Quiescence } from '../shared-memory/quiescence.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { HoleFiller } from './hole-filler.ts';
import { type ClientTimes, LogClient } from './log-client.ts';

/** The startup message of this entry. */
export interface LogThreadData extends ActorThreadData {
  readonly times: ClientTimes;
}

function actorsOn(data: LogThreadData, memory: LogMemory): HostedActorSpec[] {
  const { placement, thread, times } = data;
  const { threads } = memory;
  const specs: HostedActorSpec[] = unitsOn(placement, thread).map((unit) => ({
    id: unitActor(unit),
    actor: new StorageUnit({
      memory: memory.unit(unit),
      threads,
      quiescence: new Quiescence(threads),
    }),
  }));
  if (thread !== placement.sequencer) return specs;
  const latest = new LatestProjection(memory.layoutStore);
  specs.push({
    id: sequencerActor(0),
    actor: new Sequencer(
      memory.sequencer,
      capacityOf(memory, () => latest.map()),
    ),
  });
  const directory = directoryOf(placement);
  const client = new LogClient({
    memory,
    incarnation: threads.incarnation(thread),
    times,
    isReachable: (actor) => threads.state(directory(actor)) === ThreadState.ALIVE,
  });
  specs.push({ id: clientActor(thread), actor: new HoleFiller(client) });
  return specs;
}

const data = workerData as LogThreadData;
runActorThread(data, (memory) => actorsOn(data, memory));
