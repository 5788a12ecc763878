import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';

const CLI = fileURLToPath(new URL(`./tangolog${extname(import.meta.url)}`, import.meta.url));
const RUN_MS_MAX = 20_000;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line; `onOutput` is told what standard output holds so far. */
async function tangolog(
  args: readonly string[],
  onOutput: (out: string, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    onOutput(out, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    return { code: await within(RUN_MS_MAX, `tangolog ${args.join(' ')}`, closed), out, err };
  } finally {
    child.kill('SIGKILL');
  }
}

const cli = suite('tangolog');

cli('run verifies what it appended and ends with ok', async () => {
  const { code, out, err } = await tangolog(['run', '--seconds', '1', '--entry-bytes=100']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /entries of 100 bytes/);
  assert.match(out, /^append +[\d,]{3,} /m);
  assert.match(
    out,
    /\nverified: [\d,]{3,} entries on 2 replicas, 6 streams = full scan, .*\nok\n$/,
  );
});

cli('run trims what it verified when the log is smaller than the load', async () => {
  const args = ['run', '--seconds=1', '--log-bytes', '256KiB', '--threads=1', '--streams=1'];
  const { code, out, err } = await tangolog(args);
  assert.is(err, '');
  assert.is(code, 0);
  const [, rounds] = /load in (\d+) rounds/.exec(out) ?? [];
  assert.ok(Number(rounds) > 1, out);
  assert.match(out, /\nok\n$/);
});

cli('an interrupt stops the load early, and what was written is verified', async () => {
  let interrupted = false;
  const { code, out, err } = await tangolog(['run', '--seconds', '600'], (seen, child) => {
    // The second line of progress: the load is under way.
    if (interrupted || !/ s {3}load .*\n.* s {3}load /.test(seen)) return;
    interrupted = true;
    child.kill('SIGINT');
  });
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /stopped early\nverified: [\d,]{3,} entries/);
  assert.match(out, /\nok\n$/);
});

for (const [args, message] of [
  [['run', '--threads', '0'], '--threads must be an integer from 1 to 64: --threads=0'],
  [['run', '--window=1.5'], '--window must be an integer from 1 to 4096: --window=1.5'],
  [['run', '--seconds', 'x'], '--seconds must be a number from 0.1 to 86400: --seconds=x'],
  [
    ['run', '--log-bytes', '1TiB'],
    '--log-bytes must be a size from 64KiB to 1GiB, as 256MiB: --log-bytes=1TiB',
  ],
  [
    ['run', '--log-bytes', '64KiB', '--entry-bytes', '65536'],
    '--log-bytes must be from 4MiB to 1GiB with --threads=2 and --entry-bytes=65536: ' +
      '--log-bytes=64KiB',
  ],
  [['run', '--units', '3'], '--units must be a multiple of --replicas=2: --units=3'],
  [['run', '--thread', '2'], 'run knows no option --thread: did you mean --threads?'],
  [['run', '--seconds'], '--seconds needs a value: seconds of load, from 0.1 to 86400'],
  [['run', 'fast'], 'run takes no arguments: "fast"'],
  [['rum'], 'tangolog knows no command "rum": did you mean run?'],
  [['zzzzzz'], 'tangolog knows no command "zzzzzz": it knows run, bench'],
  [['bench', '--quik'], 'bench knows no option --quik: did you mean --quick?'],
  [['bench', 'playbak'], 'bench knows no experiment "playbak": did you mean playback?'],
] as const) {
  cli(`refuses ${args.join(' ')} in one sentence`, async () => {
    const { code, out, err } = await tangolog(args);
    assert.is(err, `${message}\n`);
    assert.is(out, '');
    assert.is(code, 2);
  });
}

cli('without a command shows what there is', async () => {
  const { code, err } = await tangolog([]);
  assert.is(code, 2);
  assert.match(err, /^Usage: tangolog [\s\S]*\n {2}run [\s\S]*\n {2}bench /);
  assert.is(err.match(/Usage/g)?.length, 1);
});

cli('tells its version, and the defaults and ranges of its options', async () => {
  const version = await tangolog(['--version']);
  assert.is(version.code, 0);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
  const help = await tangolog(['run', '--help']);
  assert.is(help.code, 0);
  const words = help.out.replace(/\s+/g, ' ');
  assert.match(
    words,
    /--threads <n> threads that append and play streams, from 1 to 64 \(default: 2\)/,
  );
  assert.match(words, /--log-bytes <size> .*from 64KiB to 1GiB \(default: 256MiB\)/);
});

cli.run();
