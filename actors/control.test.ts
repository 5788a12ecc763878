import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel, Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { type Controlled, connectControl, exposeControl } from './control.ts';
import { TangoError } from './tango-error.ts';

const DEADLINE_MS = 5000;

const control = suite('control');

const methods = {
  add: (a: number, b: number) => a + b,
  later: async (text: string) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return text.toUpperCase();
  },
  echo: (text: string) => text,
  nothing: () => {},
  bytes: () => ({ data: new Uint8Array([1, 2]), map: new Map([[1n, undefined]]) }),
  never: () => new Promise<number>(() => {}),
  tango: () => {
    const details = { position: 7, epoch: 3, object: 'map', key: [1, 'k'], cause: 'why' };
    throw new TangoError('ERR_TRIMMED', 'gone: position=7', details);
  },
  nested: async () => {
    const cause = new TangoError('ERR_SEALED', 'sealed', { epoch: 2 });
    throw new TangoError('ERR_TIMEOUT', 'late', { cause });
  },
  plain: () => {
    throw new RangeError('too far');
  },
  text: () => {
    throw 'a string';
  },
  uncloneable: () => () => 1,
  throwsUncloneable: () => {
    throw new TangoError('ERR_CONFLICT', 'conflict', { key: () => 1 });
  },
};

class Line {
  readonly calls: Controlled<typeof methods>;
  exit = (): void => {};
  readonly #ports: MessageChannel;

  constructor() {
    this.#ports = new MessageChannel();
    const exited = new Promise<void>((resolve) => {
      this.exit = resolve;
    });
    exposeControl(methods, this.#ports.port2);
    this.calls = connectControl<typeof methods>(this.#ports.port1, 'the other', exited);
  }

  close(): void {
    this.#ports.port1.close();
    this.#ports.port2.close();
  }
}

const lines: Line[] = [];

function connect(): Line {
  const line = new Line();
  lines.push(line);
  return line;
}

async function errorOf(promise: Promise<unknown>): Promise<TangoError> {
  const thrown = await within(DEADLINE_MS, 'a rejection', promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, TangoError);
  return thrown as TangoError;
}

control.after.each(() => {
  for (const line of lines.splice(0)) line.close();
});

control('hands arguments there and values back', async () => {
  const { calls } = connect();
  assert.is(await calls.add(2, 3), 5);
  assert.is(await calls.later('abc'), 'ABC');
  assert.is(await calls.nothing(), undefined);
  assert.equal(await calls.bytes(), {
    data: new Uint8Array([1, 2]),
    map: new Map([[1n, undefined]]),
  });
  const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => calls.add(i, 1)));
  assert.equal(
    sums,
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
});

control('is no thenable: a promise may be resolved with it', async () => {
  const { calls } = connect();
  const same = await within(DEADLINE_MS, 'the proxy itself', Promise.resolve(calls));
  assert.is(await same.add(1, 1), 2);
});

control('keeps class, code and fields of an error', async () => {
  const { calls } = connect();
  const error = await errorOf(calls.tango());
  assert.is(error.code, 'ERR_TRIMMED');
  assert.is(error.message, 'gone: position=7');
  const { position, epoch, object, key, cause } = error;
  assert.equal(
    { position, epoch, object, key, cause },
    {
      position: 7,
      epoch: 3,
      object: 'map',
      key: [1, 'k'],
      cause: 'why',
    },
  );
  const nested = await errorOf(calls.nested());
  assert.is(nested.code, 'ERR_TIMEOUT');
  assert.match((nested.cause as Error).message, 'sealed');
});

control('wraps what is thrown there and is no TangoError', async () => {
  const { calls } = connect();
  const range = await errorOf(calls.plain());
  assert.match(range.message, 'too far');
  assert.match((range.cause as Error).message, 'too far');
  assert.match((await errorOf(calls.text())).message, 'a string');
});

control('rejects instead of hanging when something cannot be cloned', async () => {
  const { calls } = connect();
  await errorOf(calls.uncloneable());
  await errorOf(calls.throwsUncloneable());
  const unsendable = calls.add as unknown as (value: unknown) => Promise<number>;
  await errorOf(unsendable(() => 1));
  assert.is(await calls.add(1, 2), 3, 'the line still works');
});

control('refuses a call that is not offered', async () => {
  const { calls } = connect();
  const wrong = calls as unknown as { missing(): Promise<void> };
  const error = await errorOf(wrong.missing());
  assert.is(error.code, 'ERR_UNSUPPORTED');
  assert.match(error.message, 'name=missing');
});

control('rejects calls under way, and later ones, once the thread has exited', async () => {
  const line = connect();
  const pending = [line.calls.never(), line.calls.never()];
  setTimeout(line.exit, 1);
  for (const one of pending) {
    const error = await errorOf(one);
    assert.is(error.code, 'ERR_ACTOR_EXITED');
    assert.match(error.message, 'the other');
  }
  assert.is((await errorOf(line.calls.never())).code, 'ERR_ACTOR_EXITED');
});

control('rejects calls to a worker that is terminated', async () => {
  const { port1, port2 } = new MessageChannel();
  const script = "require('node:worker_threads').workerData.port.on('message', () => {})";
  const options = { eval: true, workerData: { port: port2 }, transferList: [port2] };
  const worker = new Worker(script, options);
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const calls = connectControl<typeof methods>(port1, 'a silent worker', exited);
  const pending = calls.add(1, 1);
  await new Promise((resolve) => worker.once('online', resolve));
  const failed = errorOf(pending);
  await worker.terminate();
  assert.is((await failed).code, 'ERR_ACTOR_EXITED');
  port1.close();
});

control('holds the process only while a call is under way', async () => {
  const ports = () =>
    process.getActiveResourcesInfo().filter((one) => one === 'MessagePort').length;
  const before = ports();
  const exposed = new MessageChannel();
  let exit = (): void => {};
  const exited = new Promise<void>((resolve) => {
    exit = resolve;
  });
  const calls = connectControl<typeof methods>(exposed.port1, 'the other', exited);
  assert.is(ports(), before);
  const pending = [calls.never(), calls.never()].map(errorOf);
  assert.is(ports(), before + 1);
  exit();
  await Promise.all(pending);
  assert.is(ports(), before);
  exposed.port1.close();
});

control('keeps nothing of the calls that have ended', async () => {
  const { calls } = connect();
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const heap = (): number => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await calls.echo(`${i}`.padEnd(2000, 'x'));
  };
  await run(200);
  const before = heap();
  await run(2000);
  const grown = heap() - before;
  // Each result is some 2 KB: kept ones would be 4 MB and more.
  assert.ok(grown < 1_500_000, `the heap grew by ${grown} bytes`);
});

control.run();
