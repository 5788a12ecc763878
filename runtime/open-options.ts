/** What `open` accepts, with defaults and checks. */
import { availableParallelism } from 'node:os';
import { REPLICAS_MAX } from '../actors/config.ts';
import { footprintMax, type LogSizes } from '../actors/log-memory.ts';
import { actorThreadsFor } from '../actors/placement.ts';
import { TangoError } from '../actors/tango-error.ts';
import { BACKPOINTERS_MAX, BACKPOINTERS_MIN } from '../shared-memory/sequencer-layout.ts';
import { UNIT_BYTES_MAX, UNIT_BYTES_MIN, unitSizes } from '../shared-memory/unit-memory.ts';
import { checkInteger, checkKeys, checkSignal, invalid } from './arguments.ts';
import { DEFAULT_TIMES, type LinkKind } from './client-options.ts';
import { COMPACT_AT } from './views/compaction.ts';

export interface OpenOptions {
  /**
   * How this thread, and the threads that attach, reach sequencer and storage units. 'mailbox'
   * (default): their actors are asked. 'direct': the calling thread takes their steps itself, on
   * shared memory; nobody spins for it (DESIGN 6). Threads of both kinds may use one log:
   * `attach(handle, { link })`.
   */
  readonly link?: LinkKind | undefined;
  /**
   * False: no sequencer; appends probe for the next free position, slower, and streams are not
   * available (CORFU 1.12). Default true.
   */
  readonly sequencer?: boolean | undefined;
  /** Storage units, 1 … 64; default 2; a multiple of `replicas`. */
  readonly storageUnits?: number | undefined;
  /** Chain length, 1 … 8; default 2. */
  readonly replicas?: number | undefined;
  /**
   * Memory for this many further storage units, 0 … 64, for replacement and growth; default: as many
   * as `storageUnits`. Touched as it is used.
   */
  readonly spareUnits?: number | undefined;
  /**
   * Threads for sequencer and storage units, 1 … 64; default: one on up to four cores, then a quarter
   * of the cores. One more is the housekeeper's.
   */
  readonly actorThreads?: number | undefined;
  /**
   * Memory of one storage unit, 64 KiB … 2 GiB; default 256 MiB. Touched as it is used. The states of all
   * objects are in it twice, before the first checkpoint is trimmed, and the change between: together they
   * may be about 0.45 of it by small changes, and one value that is set again and again about 0.3. What is
   * beyond that is refused (ERR_LOG_FULL, with the sizes), and nothing of it appended.
   */
  readonly logBytes?: number | undefined;
  /** Bytes of the largest payload, 1 … 64 MiB; default 64 KiB. */
  readonly entryBytesMax?: number | undefined;
  /** Threads attached at once, the owner included, 1 … 1024; default 32. */
  readonly attachMax?: number | undefined;
  /** Age at which an unwritten position is filled, 1 … 3,600,000 milliseconds; default 100. */
  readonly holeFillMs?: number | undefined;
  /**
   * What a thread holds in locks and ephemeral nodes is freed when its event loop has stood for this
   * long, 100 … 3,600,000 milliseconds; default 10,000. When it closes, or dies, at once.
   */
  readonly sessionTimeoutMs?: number | undefined;
  /** K: backpointers per stream and entry, 4 … 16, a multiple of 4; default 4 (Tango 2.4). */
  readonly backpointers?: number | undefined;
  /**
   * Takes a checkpoint of all objects and trims the log when this part of its memory is in use, above 0
   * and below 1, and earlier where a checkpoint would not fit any more; true (default): 0.5; false: never,
   * `checkpoint` and `forget` do it. Entries of `log.append` are trimmed with the rest, and a log without
   * objects is left alone.
   */
  readonly compaction?: boolean | { readonly trigger?: number | undefined } | undefined;
  /** Raised before the actor threads serve: nothing is opened, ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** Checked options with every default filled in. */
export interface LogOptions extends LogSizes {
  readonly holeFillMs: number;
  readonly sessionTimeoutMs: number;
  readonly link: LinkKind;
  readonly sequencer: boolean;
  /** 0: no compaction. */
  readonly compactAt: number;
}

const MIB = 1024 * 1024;
const MS_MAX = 3_600_000;
const HOUSEKEEPER_THREADS = 1;
const KEYS = [
  'link',
  'sequencer',
  'storageUnits',
  'spareUnits',
  'replicas',
  'actorThreads',
  'logBytes',
  'entryBytesMax',
  'attachMax',
  'holeFillMs',
  'sessionTimeoutMs',
  'backpointers',
  'compaction',
  'signal',
];
/** Of the public interface, but not of this version: refused by name, not as a typing error. */
const NOT_YET = ['directory', 'durability', 'etcd'];

/** Throws ERR_INVALID_ARGUMENT with the option's name, its value and the valid range. */
export function checkOpenOptions(options: OpenOptions): LogOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', options, 'an object');
  }
  for (const key of NOT_YET) {
    if (!(key in options)) continue;
    throw new TangoError('ERR_UNSUPPORTED', `this version keeps the log in memory: option=${key}`);
  }
  checkKeys('open', options, KEYS);
  checkSignal(options.signal);
  const { sequencer = true } = options;
  if (typeof sequencer !== 'boolean') throw invalid('sequencer', sequencer, 'a boolean');
  const replicas = checkInteger('replicas', options.replicas ?? 2, 1, REPLICAS_MAX);
  const storageUnits = checkInteger('storageUnits', options.storageUnits ?? 2, 1, 64);
  if (storageUnits % replicas !== 0) {
    throw invalid('storageUnits', storageUnits, `a multiple of replicas=${replicas}`);
  }
  const backpointers = checkInteger(
    'backpointers',
    options.backpointers ?? 4,
    BACKPOINTERS_MIN,
    BACKPOINTERS_MAX,
  );
  if (backpointers % 4 !== 0) throw invalid('backpointers', backpointers, 'a multiple of 4');
  const checked: LogOptions = {
    replicas,
    storageUnits,
    spareUnits: checkInteger('spareUnits', options.spareUnits ?? storageUnits, 0, 64),
    backpointers,
    link: checkLink(options.link),
    compactAt: checkCompaction(options.compaction),
    sequencer,
    actorThreads:
      HOUSEKEEPER_THREADS +
      checkInteger(
        'actorThreads',
        options.actorThreads ?? actorThreadsFor(availableParallelism()),
        1,
        64,
      ),
    logBytes: checkInteger(
      'logBytes',
      options.logBytes ?? 256 * MIB,
      UNIT_BYTES_MIN,
      UNIT_BYTES_MAX,
    ),
    entryBytesMax: checkInteger('entryBytesMax', options.entryBytesMax ?? 64 * 1024, 1, 64 * MIB),
    attachMax: checkInteger('attachMax', options.attachMax ?? 32, 1, 1024),
    holeFillMs: checkInteger('holeFillMs', options.holeFillMs ?? 100, 1, MS_MAX),
    sessionTimeoutMs: checkInteger(
      'sessionTimeoutMs',
      options.sessionTimeoutMs ?? DEFAULT_TIMES.sessionTimeoutMs,
      100,
      MS_MAX,
    ),
  };
  checkFit(checked);
  return checked;
}

/** 'mailbox' when nothing is said. */
export function checkLink(link: unknown): LinkKind {
  if (link === undefined) return 'mailbox';
  if (link === 'mailbox' || link === 'direct') return link;
  throw invalid('link', link, "'mailbox' or 'direct'");
}

function checkCompaction(compaction: unknown = true): number {
  if (typeof compaction === 'boolean') return compaction ? COMPACT_AT : 0;
  if (typeof compaction !== 'object' || compaction === null) {
    throw invalid('compaction', compaction, 'a boolean or { trigger }');
  }
  checkKeys('compaction', compaction, ['trigger']);
  const { trigger = COMPACT_AT } = compaction as { trigger?: unknown };
  if (typeof trigger === 'number' && trigger > 0 && trigger < 1) return trigger;
  throw invalid('compaction.trigger', trigger, 'a number above 0 and below 1');
}

/** The largest entry and some room beside it must fit a unit. */
function checkFit(sizes: LogOptions): void {
  try {
    unitSizes(sizes.logBytes, footprintMax(sizes), sizes.backpointers);
  } catch (cause) {
    const text =
      'logBytes must hold at least two of the largest entries: ' +
      `logBytes=${sizes.logBytes}, entryBytesMax=${sizes.entryBytesMax}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', text, { cause });
  }
}
