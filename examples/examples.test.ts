/** Each example runs as a user would run it, and ends with what it promises. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const LATEST_MS = 60_000;

/** What each prints, among other lines. */
const LINES: Readonly<Record<string, readonly RegExp[]>> = {
  bank: [/^ann 70, bob 30, total 0$/m, /^audit: ann paid bob 30$/m, /^refused: amount: 0\.5$/m],
  barrier: [
    /^everybody before, inside, after: true$/m,
    /^one was killed: member-2 member-3 member-4$/m,
  ],
  'corfu-smr': [/^3 replicas executed 1500, 1500, 1500$/m, /^all in the same state$/m],
  'corfu-store': [/^1 of 2 puts/m, /^x=2, and both clients agree: true$/m, /: \[1,null\]$/m],
  'feature-flags': [/^off: 0 requests/m, /^none since, and 4 notices were told$/m],
  'http-limits': [/^200 requests to 3 servers/m, /^100 let through/m],
  'job-queue': [/^killing worker/m, /^300 of 300 jobs done once each, 0 left$/m],
  'leader-election': [/^term 3: leader at work, killed$/m, /terms seen: 1 2 3 4$/m],
  'time-travel': [/^in the evening: apple 8, pear 4, 3 orders$/m, /^restored: apple 8, pear 4$/m],
};

const examples = suite('examples');

for (const [name, lines] of Object.entries(LINES)) {
  examples(name, async () => {
    const path = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
    const program = spawn(process.execPath, [path], { timeout: LATEST_MS });
    let output = '';
    for (const stream of [program.stdout, program.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const [code] = await once(program, 'close');
    for (const line of lines) assert.match(output, line);
    assert.is(code, 0, output);
  });
}

examples.run();
