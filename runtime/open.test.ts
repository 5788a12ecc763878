import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import { open } from './open.ts';
import type { OpenOptions } from './open-options.ts';
import type { Tango } from './tango.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SMALL: OpenOptions = { logBytes: MIB, entryBytesMax: 4096, holeFillMs: 5000 };
const DEADLINE_MS = 15_000;

const opening = suite('open');

const opened: Tango[] = [];

async function openLog(options: OpenOptions = SMALL): Promise<Tango> {
  const tango = await open(options);
  opened.push(tango);
  return tango;
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

async function failed(promise: Promise<unknown>): Promise<TangoError> {
  const thrown = await soon('a rejection', promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, TangoError);
  return thrown as TangoError;
}

/** Threads and sockets of this process that keep it alive, and those that do not. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((one) => one !== 'Timeout');
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

opening.after.each(async () => {
  for (const tango of opened.splice(0)) await soon('a close', tango.close());
});

/** Actor threads beside those that the option names. */
const HOUSEKEEPERS = 1;

opening('opens, appends, reads, closes', async () => {
  const tango = await openLog();
  assert.is(await tango.log.append(bytes('zero')), 0);
  assert.is(await tango.log.append(bytes('one'), { streams: [7] }), 1);
  const entry = await tango.log.read(1);
  assert.is(entry.kind, 'data');
  if (entry.kind !== 'data') return;
  assert.equal(entry.payload, bytes('one'));
  assert.equal(entry.streams, [7]);
  const stats = tango.stats();
  assert.is(stats.log.tail, 2);
  assert.is(stats.log.epoch, 1);
  assert.is(stats.log.streams, 1);
  assert.is(stats.thread.appends, 2);
  assert.is(stats.attached, 1);
  assert.is(stats.busy, 0);
  assert.is((await tango.actorStats()).length, 1 + HOUSEKEEPERS);
  await tango.close();
});

opening('opens with defaults, and with an empty object', async () => {
  const tango = await openLog({});
  assert.is(tango.stats().log.units.length, 2);
  const other = await open();
  assert.is(await other.log.append(new Uint8Array(64 * KIB)), 0);
  assert.is(
    (await failed(other.log.append(new Uint8Array(64 * KIB + 1)))).code,
    'ERR_ENTRY_TOO_LARGE',
  );
  await other.close();
});

opening('keeps what the options say', async () => {
  const shapes: OpenOptions[] = [
    { ...SMALL, storageUnits: 1, replicas: 1 },
    { ...SMALL, storageUnits: 6, replicas: 3, actorThreads: 3 },
    { ...SMALL, storageUnits: 4, replicas: 1, actorThreads: 2, backpointers: 16, link: 'direct' },
    { ...SMALL, storageUnits: 4, replicas: 2, backpointers: 8, link: 'mailbox', attachMax: 1 },
  ];
  for (const shape of shapes) {
    const tango = await openLog(shape);
    const { ranges } = tango.log.projection();
    assert.is(ranges[0].extents.length * (shape.replicas ?? 2), shape.storageUnits);
    for (const { chain } of ranges[0].extents) assert.is(chain.length, shape.replicas);
    for (let i = 0; i < 20; i++) {
      assert.is(await tango.log.append(bytes(`${i}`), { streams: [i % 3] }), i);
    }
    for (let i = 0; i < 20; i++) assert.is(tango.log.readSync(i).kind, 'data');
    assert.is((await tango.actorStats()).length, (shape.actorThreads ?? 1) + HOUSEKEEPERS);
    await tango.close();
  }
});

/** Every number option with what is below and above its range. */
const RANGES: Record<string, [below: number, above: number]> = {
  storageUnits: [0, 65],
  spareUnits: [-1, 65],
  replicas: [0, 9],
  actorThreads: [0, 65],
  logBytes: [64 * KIB - 1, 2 ** 31],
  entryBytesMax: [0, 64 * MIB + 1],
  attachMax: [0, 1025],
  holeFillMs: [0, 3_600_001],
  backpointers: [0, 20],
};

opening('refuses wrong options by name, value and range, and starts nothing', async () => {
  const before = resources();
  for (const [name, [below, above]] of Object.entries(RANGES)) {
    const wrong: unknown[] = [below, above, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];
    wrong.push('2', '', true, 2n, {}, [], Symbol('two'), () => 2);
    for (const value of wrong) {
      const error = await failed(open({ [name]: value } as OpenOptions));
      assert.is(error.code, 'ERR_INVALID_ARGUMENT', `${name}=${String(value)}`);
      assert.match(error.message, name);
      assert.match(error.message, `${name}=`);
      if (typeof value === 'number') {
        assert.match(error.message, `${name}=${value}`);
        assert.match(error.message, /from \d+ to \d+/);
      }
    }
  }
  assert.equal(resources(), before);
});

opening('takes an absent option and undefined for the default', async () => {
  const names = [...Object.keys(RANGES), 'link', 'signal'];
  const options = Object.fromEntries(names.map((name) => [name, undefined]));
  const tango = await openLog({ ...options, logBytes: MIB } as OpenOptions);
  assert.is(tango.handle.buffers.sizes.storageUnits, 2);
  assert.is(tango.handle.buffers.sizes.spareUnits, 2, 'as many as storage units');
});

opening('refuses options that do not go together', async () => {
  const together: [OpenOptions, RegExp][] = [
    [{ storageUnits: 3, replicas: 2 }, /storageUnits.*multiple of replicas=2.*storageUnits=3/],
    [{ storageUnits: 1 }, /storageUnits=1/],
    [{ backpointers: 6 }, /multiple of 4.*backpointers=6/],
    [{ logBytes: MIB, entryBytesMax: MIB }, /logBytes=1048576, entryBytesMax=1048576/],
    [{ logBytes: 64 * KIB, entryBytesMax: 64 * KIB }, /logBytes=65536, entryBytesMax=65536/],
  ];
  for (const [options, message] of together) {
    const error = await failed(open(options));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, message);
  }
});

opening('refuses what is no options object, no link, no signal', async () => {
  for (const options of [null, 5, 'mailbox', true]) {
    const error = await failed(open(options as unknown as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, 'options=');
  }
  for (const link of ['Mailbox', '', 1, {}]) {
    const error = await failed(open({ link } as unknown as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, /link.*'mailbox'.*link=/);
  }
  for (const sequencer of [0, 'no', null]) {
    const error = await failed(open({ sequencer } as unknown as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, 'sequencer=');
  }
  for (const signal of [1, {}, 'abort', new AbortController()]) {
    const error = await failed(open({ signal } as unknown as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, 'signal=');
  }
});

opening('refuses a name that does not exist with the nearest that does', async () => {
  const words: [string, string][] = [
    ['storageUnit', 'storageUnits'],
    ['replica', 'replicas'],
    ['logbytes', 'logBytes'],
    ['holeFillMS', 'holeFillMs'],
    ['attachmax', 'attachMax'],
    ['backPointers', 'backpointers'],
  ];
  for (const [wrong, right] of words) {
    const error = await failed(open({ [wrong]: 2 } as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, `"${wrong}"`);
    assert.match(error.message, `did you mean ${right}?`);
  }
  const far = await failed(open({ colour: 'red' } as unknown as OpenOptions));
  assert.is(far.code, 'ERR_INVALID_ARGUMENT');
  assert.not.match(far.message, 'did you mean');
});

opening('checks when to compact', async () => {
  for (const compaction of [1, null, 'yes', { trigger: 0 }, { trigger: 1 }, { at: 0.5 }]) {
    const error = await failed(open({ compaction } as OpenOptions));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT');
    assert.match(error.message, /compaction|at/);
  }
});

opening('says which options this version does not support', async () => {
  const later: object[] = [
    { directory: '/tmp/x' },
    { durability: 'sync' },
    { etcd: { endpoints: [] } },
  ];
  for (const options of later) {
    const error = await failed(open(options as OpenOptions));
    assert.is(error.code, 'ERR_UNSUPPORTED');
    assert.match(error.message, Object.keys(options)[0]);
  }
});

opening('stops with ERR_ABORTED before and while it starts', async () => {
  const reason = new Error('changed my mind');
  const before = await failed(open({ ...SMALL, signal: AbortSignal.abort(reason) }));
  assert.is(before.code, 'ERR_ABORTED');
  assert.is(before.cause, reason);
  const workers = resources();
  const controller = new AbortController();
  const opening = failed(open({ ...SMALL, signal: controller.signal }));
  controller.abort(reason);
  const during = await opening;
  assert.is(during.code, 'ERR_ABORTED');
  assert.is(during.cause, reason);
  assert.equal(resources(), workers);
  const late = new AbortController();
  const tango = await openLog({ ...SMALL, signal: late.signal });
  late.abort();
  assert.is(await tango.log.append(bytes('still open')), 0);
});

opening('closes twice, at once, and with await using', async () => {
  const tango = await openLog();
  const closing = tango.close();
  assert.is(tango.close(), closing);
  await Promise.all([closing, tango.close()]);
  await tango.close();
  const other = await openLog();
  await other[Symbol.asyncDispose]();
  assert.is((await failed(other.log.append(bytes('x')))).code, 'ERR_CLOSED');
  {
    await using third = await open(SMALL);
    assert.is(third.log.appendSync(bytes('x')), 0);
  }
});

opening('refuses every operation after close with ERR_CLOSED', async () => {
  const tango = await openLog();
  const { log } = tango;
  await log.append(bytes('x'));
  const stream = log.stream(1);
  const entries = log.entries()[Symbol.asyncIterator]();
  await tango.close();
  const calls: (() => unknown)[] = [
    () => log.append(bytes('x')),
    () => log.appendSync(bytes('x')),
    () => log.read(0),
    () => log.readSync(0),
    () => log.tail(),
    () => log.tailSync(),
    () => log.tail({ slow: true }),
    () => log.fill(0),
    () => log.fillSync(0),
    () => log.trim(0),
    () => log.trimSync(0),
    () => log.trimPrefix(0),
    () => log.trimPrefixSync(0),
    () => log.entries(),
    () => log.stream(1),
    () => log.projection(),
    () => stream.sync(),
    () => stream.syncSync(),
    () => stream.readnext(),
    () => stream.readnextSync(),
    () => stream.playSync(() => {}),
    () => entries.next(),
  ];
  for (const call of calls) {
    const error = await failed(new Promise((resolve) => resolve(call())));
    assert.is(error.code, 'ERR_CLOSED', String(call));
  }
});

opening('lets what is under way end before it closes', async () => {
  for (const count of [1, 100, 5000]) {
    const tango = await openLog({ ...SMALL, logBytes: 8 * MIB });
    const appends = Array.from({ length: count }, (_, i) => tango.log.append(bytes(`${i}`)));
    const closing = tango.close();
    const positions = await soon('the appends', Promise.all(appends));
    assert.is(new Set(positions).size, count);
    await soon('the close', closing);
  }
});

opening('settles whatever is under way at close, of every kind', async () => {
  const tango = await openLog();
  const { log } = tango;
  for (let i = 0; i < 50; i++) await log.append(bytes(`${i}`), { streams: [i % 2] });
  const cursor = log.stream(1);
  const controller = new AbortController();
  const live = (async () => {
    for await (const _ of log.entries({ live: true, signal: controller.signal }));
  })();
  const works = [
    live,
    log.append(bytes('x')),
    log.append(bytes('x'), { signal: controller.signal }),
    log.read(3),
    log.read(1000),
    log.fill(4),
    log.trim(5),
    log.trimPrefix(6),
    log.tail({ slow: true }),
    cursor.sync(),
    cursor.readnext(),
  ].map((one) => Promise.resolve(one).catch((error: unknown) => (error as TangoError).code));
  await soon('the close', tango.close());
  const codes = await soon('everything settled', Promise.all(works));
  assert.is(codes[0], 'ERR_CLOSED');
  assert.is(codes[1], 50);
  assert.is(codes[4], 'ERR_UNWRITTEN');
});

// --- the process -----------------------------------------------------------------------------

const OPEN_URL = new URL(`./open${extname(import.meta.url)}`, import.meta.url).href;

/** Runs a script that has `open` in a process of its own; what it printed, once it ended by itself. */
async function runScript(script: string): Promise<string> {
  const text = `import { open } from ${JSON.stringify(OPEN_URL)};\n${script}`;
  const args = ['--input-type=module', '-e', text];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const code = await soon(`the process ends by itself; so far: ${output}`, ended);
    assert.is(code, 0, output);
    return output;
  } finally {
    child.kill('SIGKILL');
  }
}

const OPEN_SMALL = 'const tango = await open({ logBytes: 1 << 20, entryBytesMax: 4096 });\n';

opening('lets the process exit after close', async () => {
  const script = `${OPEN_SMALL}
    await tango.log.append(new Uint8Array(5));
    await tango.close();
    console.log('closed');`;
  assert.is(await runScript(script), 'closed\n');
});

opening('lets the process exit without close when nothing is under way', async () => {
  const script = `${OPEN_SMALL}
    await tango.log.append(new Uint8Array(5));
    process.once('exit', () => console.log('exit at', tango.log.tailSync()));`;
  assert.is(await runScript(script), 'exit at 1\n');
});

opening('keeps the process until a pending append has settled', async () => {
  const script = `${OPEN_SMALL}
    for (let i = 0; i < 500; i++) tango.log.append(new Uint8Array(9)).then(() => { done++; });
    let done = 0;
    process.once('exit', () => console.log('done', done));`;
  assert.is(await runScript(script), 'done 500\n');
});

opening('lets the process exit with an idle attached thread and a cursor', async () => {
  const script = `${OPEN_SMALL}
    const { attach } = await import(${JSON.stringify(OPEN_URL)});
    const other = await attach(tango.handle);
    await other.log.append(new Uint8Array(5), { streams: [1] });
    const cursor = tango.log.stream(1);
    await cursor.sync();
    console.log((await cursor.readnext()).kind);`;
  assert.is(await runScript(script), 'data\n');
});

opening('does nothing on import', async () => {
  const index = new URL(`../index${extname(import.meta.url)}`, import.meta.url).href;
  const script = `
    const seen = () => process.getActiveResourcesInfo().filter((one) => !/TTY|Pipe/.test(one));
    const before = JSON.stringify(seen());
    const names = Object.keys(globalThis).length;
    await import(${JSON.stringify(index)});
    console.log(JSON.stringify(seen()) === before, Object.keys(globalThis).length === names);`;
  assert.is(await runScript(script), 'true true\n');
});

opening.run();
