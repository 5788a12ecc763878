import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { drawFaults, drawKillEffect, drawMessageDelay, drawStall, NO_FAULTS } from './faults.ts';
import { Random } from './random.ts';

const faults = suite('faults');

const KINDS = {
  delay: ({ delayMinMs, delayMeanMs }) => delayMeanMs > delayMinMs,
  reordering: ({ reorder }) => reorder,
  loss: ({ lossRate }) => lossRate > 0,
  duplicates: ({ duplicateRate }) => duplicateRate > 0,
  priorities: ({ lagMs }) => lagMs > 0,
  stalls: ({ stallRate }) => stallRate > 0,
  kills: ({ killRate }) => killRate > 0,
  'late detection': ({ detectionMs }) => detectionMs > 1,
} satisfies Record<string, (drawn: ReturnType<typeof drawFaults>) => boolean>;

for (const [kind, isOn] of Object.entries(KINDS)) {
  faults(`the swarm turns ${kind} on and off over 200 seeds`, () => {
    let on = 0;
    for (let seed = 0; seed < 200; seed++) if (isOn(drawFaults(new Random(seed)))) on += 1;
    assert.ok(on > 60 && on < 140, `on in ${on} of 200 seeds`);
  });
}

faults('the kinds are drawn independently: every combination appears', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 4000; seed++) {
    const drawn = drawFaults(new Random(seed));
    seen.add(
      Object.values(KINDS)
        .map((isOn) => Number(isOn(drawn)))
        .join(''),
    );
  }
  assert.is(seen.size, 2 ** Object.keys(KINDS).length);
});

faults('an explicit option overrides the draw and leaves the other kinds alone', () => {
  for (let seed = 0; seed < 100; seed++) {
    const drawn = drawFaults(new Random(seed));
    const fixed = drawFaults(new Random(seed), { lossRate: 0.5, reorder: false });
    assert.equal(fixed, { ...drawn, lossRate: 0.5, reorder: false });
  }
});

faults('killable actors without a maximum means one kill', () => {
  assert.is(drawFaults(new Random(1)).killsMax, 0);
  assert.is(drawFaults(new Random(1), { killable: [1, 2] }).killsMax, 1);
  assert.is(drawFaults(new Random(1), { killable: [1, 2], killsMax: 2 }).killsMax, 2);
});

faults('delays have their least and their mean', () => {
  const random = new Random(1);
  const options = { ...NO_FAULTS, delayMinMs: 2, delayMeanMs: 5 };
  let sum = 0;
  for (let i = 0; i < 20_000; i++) {
    const delay = drawMessageDelay(options, random);
    assert.ok(delay >= 2);
    sum += delay;
  }
  assert.ok(Math.abs(sum / 20_000 - 5) < 0.1, `mean ${sum / 20_000}`);
  assert.is(drawMessageDelay(NO_FAULTS, random), NO_FAULTS.delayMinMs);
});

faults('stalls last from 1 ms to 10 s, and each order of magnitude comes', () => {
  const random = new Random(1);
  const magnitudes = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    const stall = drawStall(NO_FAULTS, random);
    assert.ok(stall >= 1 && stall <= 10_000);
    magnitudes.add(Math.floor(Math.log10(stall)));
  }
  assert.ok(magnitudes.size >= 4);
});

faults('a kill comes after the number of effects that its rate says', () => {
  const random = new Random(1);
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const effect = drawKillEffect({ ...NO_FAULTS, killRate: 0.05 }, random);
    assert.ok(Number.isInteger(effect) && effect >= 1);
    sum += effect;
  }
  assert.ok(Math.abs(sum / 10_000 - 20) < 1, `mean ${sum / 10_000}`);
  assert.is(drawKillEffect({ ...NO_FAULTS, killRate: 1 }, random), 1);
});

faults.run();
