/** The public face of tangolog. */

export type { UnitId } from './actors/actor-ids.ts';
export type { ActorThreadStats } from './actors/actor-thread.ts';
export type { Extent, Projection, Range } from './actors/projection.ts';
export {
  type PlainTangoError,
  TangoError,
  type TangoErrorCode,
  type TangoErrorDetails,
} from './actors/tango-error.ts';
export type { ThreadCounter } from './actors/thread-counters.ts';
export type { ProjectionChange } from './runtime/asked-change.ts';
export type { LinkKind } from './runtime/client-options.ts';
export type { EntriesOptions } from './runtime/entries.ts';
export type {
  DataEntry,
  JunkEntry,
  LogEntry,
  Position,
  StreamId,
  TrimmedEntry,
  WriterId,
} from './runtime/log-entry.ts';
export type { AttachOptions, TangoHandle } from './runtime/open.ts';
export type { OpenOptions } from './runtime/open-options.ts';
export type { PlayedEntry } from './runtime/played-entry.ts';
export type {
  AppendOptions,
  SharedLog,
  StreamCursor,
  TailOptions,
} from './runtime/shared-log.ts';
export type { ServedBy, TangoStats, UnitStats, UntilOptions } from './runtime/tango.ts';
export type {
  Change,
  ChangePlace,
  ChangesOptions,
  ObjectChange,
} from './runtime/views/change-feed.ts';
export type { ObjectBinding } from './runtime/views/object-binding.ts';
export type { FrozenState, Restoring } from './runtime/views/object-state.ts';
export type { ObjectType } from './runtime/views/object-type.ts';
export type { ApplyContext } from './runtime/views/playback.ts';
export type { SessionId } from './runtime/views/sessions.ts';
export { TangoObject } from './runtime/views/tango-object.ts';
export type { TransactOptions } from './runtime/views/transact-options.ts';
export type { LockHold, LockHolder } from './tango-objects/lock-hold.ts';
export type {
  IndexFunction,
  LogMapOptions,
  MapOptions,
  ValueCodec,
} from './tango-objects/map-options.ts';
export type { CreateOptions, NodeChange } from './tango-objects/namespace/node-changes.ts';
export type {
  NodeEvent,
  NodeEventType,
  NodeResult,
} from './tango-objects/namespace/node-operations.ts';
export type { Stat } from './tango-objects/namespace/node-tree.ts';
export type { NodeWatch } from './tango-objects/namespace/node-watches.ts';
export {
  type NodeState,
  TangoNamespace,
  type WatchKind,
  type WatchOptions,
} from './tango-objects/namespace/tango-namespace.ts';
export type {
  PoolCloseOptions,
  PoolOptions,
  TaskOptions,
} from './tango-objects/pool/pool-options.ts';
export type { PoolStats, TangoPool } from './tango-objects/pool/tango-pool.ts';
export type { TaskTimes } from './tango-objects/pool/task-times.ts';
export type { TaskModule } from './tango-objects/pool/task-types.ts';
export { attach, open, Tango } from './tango-objects/tango.ts';
export { TangoCounter } from './tango-objects/tango-counter.ts';
export { type LedgerEntriesOptions, TangoLedgers } from './tango-objects/tango-ledgers.ts';
export { TangoList } from './tango-objects/tango-list.ts';
export { type AcquireOptions, TangoLock } from './tango-objects/tango-lock.ts';
export { TangoLogMap } from './tango-objects/tango-log-map.ts';
export { TangoMap } from './tango-objects/tango-map.ts';
export { TangoQueue } from './tango-objects/tango-queue.ts';
export { TangoRegister } from './tango-objects/tango-register.ts';
export { TangoSet } from './tango-objects/tango-set.ts';
export { TangoSnapshot } from './tango-objects/tango-snapshot.ts';
export { type RangeOptions, TangoSortedMap } from './tango-objects/tango-sorted-map.ts';
