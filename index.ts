/** The public face of tangolog. */

export type { Extent, Projection, Range } from './actors/projection.ts';
export { TangoError, type TangoErrorCode } from './actors/tango-error.ts';
export type { ProjectionChange } from './runtime/asked-change.ts';
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
export { type AttachOptions, attach, open, type TangoHandle } from './runtime/open.ts';
export type { OpenOptions } from './runtime/open-options.ts';
export type { PlayedEntry } from './runtime/played-entry.ts';
export type {
  AppendOptions,
  SharedLog,
  StreamCursor,
  TailOptions,
} from './runtime/shared-log.ts';
export type { ServedBy, Tango, TangoStats, UnitStats } from './runtime/tango.ts';
