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

cli('run moves money, kills on the way, checks everything and ends with ok', async () => {
  const { code, out, err } = await tangolog(['run', '--accounts=50']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /50 accounts with 1000 each, 8 transfers under way a thread/);
  assert.match(out, / transfers {3}\d+\.\d % aborted {3}sum 50,000 {3}/);
  assert.match(out, /^move +[\d,]{2,} /m);
  assert.match(out, /^\d+\.\d % of [\d,]+ attempts aborted, /m);
  // With one actor thread, as two cores have it, all die twice; with more, each alone.
  assert.match(out, /^sequencer +\d\.\d s +([\d.]+ ms|below .*?|unknown.*?) +\d+ ms +1 → \d+ /m);
  assert.match(out, /^unit \d+ +\d\.\d s +([\d.]+ ms|below .*?|unknown.*?) +\d+ ms +\d+ → \d+ /m);
  assert.match(out, /^a thread that moves money: killed at \d\.\d s$/m);
  assert.match(out, /^verified: [\d,]{2,} transfers exactly once, \d+ of unknown outcome /m);
  assert.match(
    out,
    /^the sum is 50,000 in [\d,]+ snapshots of 3 threads and at the end of each, /m,
  );
  assert.match(out, /, and at \d positions? of history\nok\n$/);
});

cli('run --no-faults kills nobody', async () => {
  const { code, out, err } = await tangolog(['run', '--seconds=0.5', '--no-faults', '--threads=1']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /, nobody killed\n/);
  assert.not.match(out, /killed +at|sequencer/);
  assert.match(
    out,
    /^verified: [\d,]+ transfers exactly once, 0 of unknown outcome \(0 took effect\)$/m,
  );
  assert.match(out, /\nok\n$/);
});

cli('run goes on in a log that is smaller than what it writes', async () => {
  const args = ['run', '--seconds=1.5', '--no-faults', '--log-bytes=1MiB', '--link=direct'];
  const { code, out, err } = await tangolog(args);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /\nok\n$/);
});

cli('an interrupt stops the load early, and what was done is verified', async () => {
  const { code, out, err } = await interrupted(['run', '--seconds', '600']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /stopped early\n/);
  assert.match(out, /^sequencer: not killed, the load was over before$/m);
  assert.match(out, /^verified: [\d,]+ transfers exactly once/m);
  assert.match(out, /\nok\n$/);
});

/** Interrupts a run as soon as its load is under way. */
function interrupted(args: readonly string[]): Promise<Ended> {
  let isInterrupted = false;
  return tangolog(args, (seen, child) => {
    // The second line of progress: the load is under way.
    if (isInterrupted || !/ s {3}load .*\n.* s {3}load /.test(seen)) return;
    isInterrupted = true;
    child.kill('SIGINT');
  });
}

const LOG = ['run', '--workload', 'log'];

cli('run --workload log verifies what it appended and ends with ok', async () => {
  const { code, out, err } = await tangolog([...LOG, '--seconds', '3', '--entry-bytes=100']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /entries of 100 bytes/);
  assert.match(out, /^append +[\d,]{3,} /m);
  assert.match(
    out,
    /\nverified: [\d,]{3,} entries on 2 replicas, 6 streams = full scan, .*\nok\n$/,
  );
  // With one actor thread, as two cores have it, all die twice; with more, each alone.
  assert.match(out, /^sequencer +\d\.\d s +([\d.]+ ms|below .*?|unknown.*?) +\d+ ms +1 → \d+ /m);
  assert.match(out, /^unit \d+ +\d\.\d s +([\d.]+ ms|below .*?|unknown.*?) +\d+ ms +\d+ → \d+ /m);
  assert.match(out, /^sequencer: .*the next sequencer began on /m);
});

cli('run --workload log tells of units that died, and were replaced, by themselves', async () => {
  const args = [...LOG, '--seconds', '3', '--actor-threads=3', '--threads=1'];
  const { code, out, err } = await tangolog(args);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /^sequencer: alone on its thread; the next sequencer began on /m);
  // A spare that a losing attempt has wiped has its next id.
  assert.match(out, /\[0 1\] → \[0 \d{3,}\]$/m);
  assert.match(out, /^unit 1: .*; unit 1 replaced by a spare$/m);
});

cli('run --workload log trims what it verified when the log is smaller than the load', async () => {
  const args = [...LOG, '--seconds=1', '--log-bytes', '256KiB', '--threads=1', '--streams=1'];
  const { code, out, err } = await tangolog(args);
  assert.is(err, '');
  assert.is(code, 0);
  const [, rounds] = /load in (\d+) rounds/.exec(out) ?? [];
  assert.ok(Number(rounds) > 1, out);
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
    [...LOG, '--log-bytes', '64KiB', '--entry-bytes', '65536'],
    '--log-bytes must be from 4MiB to 1GiB with --threads=2 and --entry-bytes=65536: ' +
      '--log-bytes=64KiB',
  ],
  [
    ['run', '--log-bytes', '64KiB'],
    '--log-bytes must be from 1MiB to 1GiB with --threads=2: --log-bytes=64KiB',
  ],
  [['run', '--workload', 'gold'], '--workload must be money or log: --workload=gold'],
  [['run', '--streams=3'], '--streams is for --workload=log: --workload=money'],
  [['run', '--entry-bytes=99'], '--entry-bytes is for --workload=log: --workload=money'],
  [[...LOG, '--accounts=3'], '--accounts is for --workload=money: --workload=log'],
  [['run', '--units', '3'], '--units must be a multiple of --replicas=2: --units=3'],
  [['run', '--thread', '2'], 'run knows no option --thread: did you mean --threads?'],
  [['run', '--seconds'], '--seconds needs a value: seconds of load, from 0.1 to 86400'],
  [['run', 'fast'], 'run takes no arguments: "fast"'],
  [['rum'], 'tangolog knows no command "rum": did you mean run?'],
  [['zzzzzz'], 'tangolog knows no command "zzzzzz": it knows run, bench, simulate'],
  [['simulat'], 'tangolog knows no command "simulat": did you mean simulate?'],
  [['simulate', '--sed=4'], 'simulate knows no option --sed: did you mean --seed?'],
  [['simulate', '7'], 'simulate takes no arguments: "7"'],
  [['simulate', '--seed=-1'], '--seed must be an integer from 0 to 9007199254740991: --seed=-1'],
  [['simulate', '--steps', '0'], '--steps must be an integer from 1 to 1000000: --steps=0'],
  [['simulate', '--trace'], '--trace is for one seed: name it with --seed'],
  [
    ['simulate', '--seed=7', '--seeds=9'],
    '--seed is one seed and --seeds are many: leave one out: --seed=7',
  ],
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

cli('simulate runs seeds and tells what they met', async () => {
  const { code, out, err } = await tangolog(['simulate', '--seeds', '60']);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /^the whole log in the simulator: seeds 1 to 60\n/);
  assert.match(out, /^messages lost +[\d,]+ +\d+$/m);
  assert.match(out, /^filler won +[\d,]+ +\d+$/m);
  assert.match(out, /^60 seeds, [\d,]+ events, [\d.,]+ s of virtual time, /m);
  assert.match(out, /^trace hash [\da-f]{16}\nok\n$/m);
});

cli('simulate --seed tells the same story each time', async () => {
  const args = ['simulate', '--seed', '7', '--steps=150', '--trace'];
  const [one, other] = await Promise.all([tangolog(args), tangolog(args)]);
  const withoutTime = ({ out }: Ended): string => out.replace(/, in [\d.]+ m?s$/m, '');
  assert.is(one.code, 0);
  assert.match(
    one.out,
    / ms {2}(timer|delivered|sent) +(client|sequencer|storage unit|housekeeper)#\d+ /,
  );
  assert.match(one.out, /^\d+ events, /m);
  assert.is(withoutTime(one), withoutTime(other));
});

cli('an interrupt ends simulate with what was done so far', async () => {
  let interrupted = false;
  const args = ['simulate', '--seeds', '1000000000'];
  const { code, out, err } = await tangolog(args, (seen, child) => {
    if (interrupted || !/ of 1,000,000,000 seeds /.test(seen)) return;
    interrupted = true;
    child.kill('SIGINT');
  });
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /^[\d,]+ seeds, .*, stopped early: 1,000,000,000 were to be run$/m);
  assert.match(out, /\nok\n$/);
});

cli('without a command shows what there is', async () => {
  const { code, err } = await tangolog([]);
  assert.is(code, 2);
  assert.match(err, /^Usage: tangolog [\s\S]*\n {2}run [\s\S]*\n {2}bench [\s\S]*\n {2}simulate /);
  assert.is(err.match(/Usage/g)?.length, 1);
});

cli('tells its version, and the defaults and ranges of its options', async () => {
  const version = await tangolog(['--version']);
  assert.is(version.code, 0);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
  const help = await tangolog(['run', '--help']);
  assert.is(help.code, 0);
  const words = help.out.replace(/\s+/g, ' ');
  assert.match(words, /--threads <n> threads that load the log, from 1 to 64 \(default: 2\)/);
  assert.match(words, /--no-faults kill no thread in the middle of the load/);
  assert.match(words, /--log-bytes <size> .*from 64KiB to 1GiB \(default: 256MiB\)/);
});

cli.run();
