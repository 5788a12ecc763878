import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CheckpointPart,
  decodeCheckpoint,
  encodeCheckpoint,
  type StreamRecord,
} from './stream-checkpoint.ts';

const checkpoint = suite('stream checkpoint');

function recordsOf(count: number, k: number): StreamRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    stream: i === 0 ? 0x7fff_ffff : i,
    positions: Array.from({ length: k }, (_, j) => (j > i % (k + 1) ? -1 : 2 ** 40 * i + k - j)),
  }));
}

function decoded(payload: Uint8Array, k: number): CheckpointPart {
  const part = decodeCheckpoint(payload, k);
  if (part === undefined) throw new Error('the payload is a part of a checkpoint');
  return part;
}

for (const k of [4, 8, 16]) {
  checkpoint(`comes back as it was, in parts that fit: K = ${k}`, () => {
    for (const count of [0, 1, 2, 7, 100]) {
      for (const bytesMax of [24 + 8 * (1 + k), 1000, 65_536]) {
        const records = recordsOf(count, k);
        const payloads = encodeCheckpoint(2 ** 45 + 3, records, k, bytesMax);
        const parts = payloads.map((payload) => decoded(payload, k));
        for (const payload of payloads) assert.ok(payload.length <= bytesMax);
        assert.equal(
          parts.map(({ part }) => part),
          [...parts.keys()],
        );
        for (const { base, parts: total } of parts) {
          assert.equal([base, total], [2 ** 45 + 3, payloads.length]);
        }
        assert.equal(
          parts.flatMap((part) => part.records),
          records,
        );
      }
    }
  });
}

checkpoint('of no streams is one part that says so', () => {
  const payloads = encodeCheckpoint(17, [], 4, 1000);
  assert.is(payloads.length, 1);
  assert.equal(decoded(payloads[0], 4), { base: 17, part: 0, parts: 1, records: [] });
});

checkpoint(
  'has parts although not even one record fits: the append says that it is too large',
  () => {
    assert.is(encodeCheckpoint(0, recordsOf(3, 4), 4, 1).length, 3);
  },
);

checkpoint('is read from the midst of a buffer, at any offset', () => {
  const [payload] = encodeCheckpoint(5, recordsOf(3, 4), 4, 1000);
  for (const offset of [1, 3, 8]) {
    const larger = new Uint8Array(payload.length + 20).fill(0xff);
    larger.set(payload, offset);
    const view = larger.subarray(offset, offset + payload.length);
    assert.equal(decoded(view, 4), decoded(payload, 4));
  }
});

checkpoint('is not what was written with another K, nor cut short, nor longer', () => {
  const [payload] = encodeCheckpoint(5, recordsOf(3, 4), 4, 1000);
  assert.is(decodeCheckpoint(payload, 8), undefined);
  for (let length = 0; length < payload.length; length++) {
    assert.is(decodeCheckpoint(payload.subarray(0, length), 4), undefined, `${length} bytes`);
  }
  const longer = new Uint8Array(payload.length + 8);
  longer.set(payload);
  assert.is(decodeCheckpoint(longer, 4), undefined);
});

checkpoint('is not what has another beginning, or a part beyond its parts', () => {
  const [payload] = encodeCheckpoint(5, recordsOf(3, 4), 4, 1000);
  for (let at = 0; at < 4; at++) {
    const wrong = payload.slice();
    wrong[at] ^= 1;
    assert.is(decodeCheckpoint(wrong, 4), undefined, `byte ${at}`);
  }
  const beyond = payload.slice();
  beyond[4] = 1;
  assert.is(decodeCheckpoint(beyond, 4), undefined);
  const counted = payload.slice();
  counted[15] = 0xff;
  assert.is(decodeCheckpoint(counted, 4), undefined);
});

checkpoint('takes no garbage for a checkpoint, and fails over none', () => {
  const garbage = fc.uint8Array({ maxLength: 400 });
  fc.assert(fc.property(garbage, (bytes) => decodeCheckpoint(bytes, 4) === undefined));
});

checkpoint.run();
