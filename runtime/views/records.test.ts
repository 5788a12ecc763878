/** Values, keys, records and read sets: what is in an entry, and what decides a commit. */
import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../../actors/tango-error.ts';
import { decodeKey, encodeKey } from './object-key.ts';
import { ReadSet } from './read-set.ts';
import {
  type BatchRecord,
  decodeBatch,
  encodeBatch,
  type RecordBatch,
  RecordKind,
  recordBytes,
  type Update,
} from './record.ts';
import { recordAt } from './record-scan.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

const records = suite('records');

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof TangoError) return error.code;
    throw error;
  }
  return 'none';
}

const cycle: Record<string, unknown> = { name: 'cycle' };
cycle.self = cycle;

for (const [name, value] of Object.entries({
  undefined: undefined,
  null: null,
  'not a number': Number.NaN,
  'a huge integer': 2 ** 200,
  'a bigint': -(2n ** 100n),
  'a date': new Date(5),
  'a map': new Map<unknown, unknown>([
    [1, { a: undefined }],
    ['__proto__', new Set([1n])],
  ]),
  bytes: Uint8Array.of(1, 2, 3),
  floats: Float64Array.of(1.5, Number.NaN),
  'a string beyond ASCII': 'žluťoučký 🐎',
  'the name of a prototype': '__proto__',
  nested: [{ a: [[], {}] }, new Map()],
})) {
  records(`a value comes back as it went in: ${name}`, () => {
    const back = decodeValue(encodeValue(value, 'it'));
    assert.ok(isDeepStrictEqual(back, value), inspect(back));
  });
}

records('a cycle comes back', () => {
  const back = decodeValue(encodeValue(cycle, 'it')) as typeof cycle;
  assert.is(back.self, back);
});

class Point {
  x = 1;
}

for (const [name, value] of Object.entries({
  'a function': () => {},
  'a symbol': Symbol('s'),
  'an instance of a class': new Point(),
  'half a surrogate pair': 'a\ud800',
  'a property named __proto__': JSON.parse('{"__proto__": 1}'),
  'one deep inside': [new Map([['a', { b: [() => {}] }]])],
  'a promise': Promise.resolve(1),
  'a weak map': new WeakMap(),
})) {
  records(`what would not come back is refused: ${name}`, () => {
    assert.is(
      codeOf(() => encodeValue(value, 'it')),
      'ERR_INVALID_ARGUMENT',
    );
    assert.is(
      codeOf(() => encodeKey(value)),
      typeof value === 'string' ? 'none' : 'ERR_INVALID_ARGUMENT',
    );
  });
}

records('keys are equal as in a Map, and come back', () => {
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.bigInt());
  fc.assert(
    fc.property(key, key, (one, other) => {
      const isEqual = new Set([one]).has(other);
      assert.is(encodeKey(one) === encodeKey(other), isEqual);
      assert.ok(new Set([one]).has(decodeKey(encodeKey(one)) as never));
    }),
  );
  assert.is(encodeKey(-0), encodeKey(0));
  assert.is.not(encodeKey('1'), encodeKey(1));
  assert.is(encodeKey(new Date(7)), encodeKey(new Date(7)));
  // A key may be any string; a value in UTF-8 may not.
  assert.is(decodeKey(encodeKey('\ud800')), '\ud800');
});

const PLAIN = { noNullPrototype: true };
const anyKey = fc.string({ unit: 'binary', maxLength: 20 });
const anyUpdate = fc
  .record(
    {
      kind: fc.constant(RecordKind.UPDATE),
      object: fc.nat(2 ** 31 - 1),
      keys: fc.array(anyKey, { maxLength: 4 }),
      bytes: fc.uint8Array({ maxLength: 40 }),
    },
    PLAIN,
  )
  .map(
    (update): Update => ({ ...update, start: 0, end: update.bytes.length, operation: undefined }),
  );
const anyRead = fc.record(
  { object: fc.nat(2 ** 31 - 1), key: fc.option(anyKey, { nil: undefined }) },
  PLAIN,
);
const anyCommit = fc.record(
  {
    kind: fc.constant(RecordKind.COMMIT),
    snapshot: fc.maxSafeNat(),
    reads: fc.array(anyRead, { maxLength: 4 }),
    updates: fc.array(anyUpdate, { maxLength: 3 }),
  },
  PLAIN,
);
const anyBytes = fc.uint8Array({ maxLength: 40 });
const anyPart = fc.record({ kind: fc.constant(RecordKind.PART), bytes: anyBytes }, PLAIN);
const anyLarge = fc.record(
  {
    kind: fc.constant(RecordKind.LARGE),
    snapshot: fc.maxSafeNat(),
    bytes: fc.nat(),
    parts: fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 4 }),
  },
  PLAIN,
);
const anyMark = fc.record({ kind: fc.constant(RecordKind.MARK), number: fc.maxSafeNat() }, PLAIN);
const anyCheckpoint = fc.record(
  { kind: fc.constant(RecordKind.CHECKPOINT), index: anyBytes },
  PLAIN,
);
const anyRecord: fc.Arbitrary<BatchRecord> = fc.oneof(
  anyUpdate,
  anyCommit,
  anyPart,
  anyLarge,
  anyMark,
  anyCheckpoint,
);
const anyBatch = fc.record(
  {
    writer: fc.nat(),
    number: fc.maxSafeNat(),
    records: fc.array(anyRecord, { maxLength: 6 }),
  },
  PLAIN,
);

function encoded({ writer, number, records: all }: Omit<RecordBatch, 'bytes'>): Uint8Array {
  return Uint8Array.from(encodeBatch(writer, number, all));
}

/** Bytes for themselves, wherever they lie. */
function plain(record: BatchRecord): unknown {
  if (record.kind === RecordKind.UPDATE) {
    const { bytes, start, end, ...rest } = record;
    return { ...rest, bytes: Uint8Array.from(bytes.subarray(start, end)) };
  }
  if (record.kind === RecordKind.COMMIT) return { ...record, updates: record.updates.map(plain) };
  if (record.kind === RecordKind.PART) return { ...record, bytes: Uint8Array.from(record.bytes) };
  if (record.kind !== RecordKind.CHECKPOINT) return record;
  return { ...record, index: Uint8Array.from(record.index) };
}

records('an entry comes back record by record, and is as long as was said', () => {
  fc.assert(
    fc.property(anyBatch, (batch) => {
      const bytes = encoded(batch);
      const inside = batch.records.reduce((sum, one) => sum + recordBytes(one), 0);
      assert.is(bytes.length, encoded({ ...batch, records: [] }).length + inside);
      const back = decodeBatch(bytes, 3);
      const told = { ...back, records: back.records.map(plain) };
      const expected = { ...batch, bytes: bytes.length, records: batch.records.map(plain) };
      assert.ok(isDeepStrictEqual(told, expected), inspect(back));
    }),
  );
});

records('one record of an entry is what it is among the others', () => {
  fc.assert(
    fc.property(anyBatch, (batch) => {
      const bytes = encoded(batch);
      for (const [index, record] of batch.records.entries()) {
        const found = recordAt(bytes, 3, index);
        assert.ok(found !== undefined && isDeepStrictEqual(plain(found), plain(record)));
      }
      assert.is(recordAt(bytes, 3, batch.records.length), undefined);
    }),
  );
});

records('an entry that is not intact is refused, whatever it holds', () => {
  fc.assert(
    fc.property(anyBatch, fc.nat(), fc.nat(255), fc.boolean(), (batch, at, byte, isCut) => {
      const bytes = encoded(batch);
      const place = at % bytes.length;
      if (isCut) {
        const code = codeOf(() => decodeBatch(bytes.slice(0, place), 3));
        assert.is(code, 'ERR_CORRUPT');
        return;
      }
      bytes[place] = byte;
      assert.ok(['none', 'ERR_CORRUPT'].includes(codeOf(() => decodeBatch(bytes, 3))));
      for (const index of batch.records.keys()) {
        const code = codeOf(() => recordAt(bytes, 3, index));
        assert.ok(['none', 'ERR_CORRUPT'].includes(code));
      }
    }),
  );
});

for (const [title, reads, changed, isTouched] of [
  ['its own change', ['a'], ['a'], true],
  ["another key's change", ['a'], ['b'], false],
  ['one of several keys', ['a', 'b'], ['c', 'b'], true],
  ['a change of the whole object', ['a'], [], true],
  ['any change, read as a whole', [undefined], ['z'], true],
  ['a change of the whole, read as a whole', [undefined], [], true],
] as const) {
  for (const filler of [0, 20]) {
    records(`a read is touched by ${title}: ${isTouched}, with ${filler} others`, () => {
      const others = Array.from({ length: filler }, (_, i) => ({ object: 9, key: `${i}` }));
      const set = new ReadSet([...reads.map((key) => ({ object: 1, key })), ...others]);
      const update: Update = {
        kind: RecordKind.UPDATE,
        object: 1,
        keys: [...changed],
        bytes: new Uint8Array(0),
        start: 0,
        end: 0,
        operation: undefined,
      };
      assert.is(set.isTouchedBy(update), isTouched);
      const kind = RecordKind.COMMIT;
      assert.is(set.isTouchedBy({ kind, snapshot: 0, reads: [], updates: [update] }), isTouched);
      assert.not(set.isTouchedBy({ ...update, object: 2 }), 'of another object');
    });
  }
}

records.run();
