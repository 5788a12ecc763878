import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EXTRA_WORDS_MAX, Message } from './message.ts';
import {
  decodeMessage,
  EPOCH_MAX,
  encodeMessage,
  MESSAGE_HEADER_WORDS,
  MESSAGE_WORDS_MAX,
  messageWords,
} from './message-codec.ts';

const codec = suite('message codec');

const anyWord = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const anyPosition = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(10),
  fc.integer({ min: 0, max: 53 }).map((power) => 2 ** power - 1),
  fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power),
);
const anyFields = fc.record(
  {
    type: fc.nat(0xff),
    from: fc.nat(0xffff),
    to: fc.nat(0xffff),
    operation: anyWord,
    epoch: fc.nat(EPOCH_MAX),
    position: anyPosition,
    outcome: fc.nat(0xff),
    value: anyWord,
  },
  { noNullPrototype: true },
);

type Fields = Pick<
  Message,
  'type' | 'from' | 'to' | 'operation' | 'epoch' | 'position' | 'outcome' | 'value'
>;

function messageOf(fields: Fields, extra: ArrayLike<number> = []): Message {
  const message = Object.assign(new Message(), fields);
  message.extra.set(extra);
  message.extraCount = extra.length;
  return message;
}

function fieldsOf(message: Message): Fields {
  const { type, from, to, operation, epoch, position, outcome, value } = message;
  return { type, from, to, operation, epoch, position, outcome, value };
}

function extraOf(message: Message): number[] {
  return [...message.extra.subarray(0, message.extraCount)];
}

/** A message in which something of an earlier one is left. */
function usedMessage(): Message {
  return messageOf(
    {
      type: 0xff,
      from: 0xffff,
      to: 0xffff,
      operation: -1,
      epoch: EPOCH_MAX,
      position: Number.MAX_SAFE_INTEGER,
      outcome: 0xff,
      value: -1,
    },
    new Int32Array(EXTRA_WORDS_MAX).fill(-1),
  );
}

codec('decodes what was encoded, whatever was in the message before', () => {
  fc.assert(
    fc.property(anyFields, fc.array(anyWord, { maxLength: 40 }), fc.nat(9), (fields, extra, at) => {
      const message = messageOf(fields, extra);
      const words = new Int32Array(at + messageWords(message));
      encodeMessage(message, words, at);
      const decoded = usedMessage();
      decodeMessage(decoded, words, at);
      assert.equal(fieldsOf(decoded), fields);
      assert.equal(extraOf(decoded), extra);
    }),
    { numRuns: 2000 },
  );
});

codec('uses messageWords words, the first of which says so, and no other', () => {
  fc.assert(
    fc.property(anyFields, fc.array(anyWord, { maxLength: 9 }), (fields, extra) => {
      const message = messageOf(fields, extra);
      const length = messageWords(message);
      assert.is(length, MESSAGE_HEADER_WORDS + extra.length);
      const words = new Int32Array(length + 2).fill(0x55);
      encodeMessage(message, words, 1);
      assert.is(words[0], 0x55);
      assert.is(words[1], length);
      assert.is(words[length + 1], 0x55);
    }),
  );
});

codec('carries the largest values of every field, and a full extra', () => {
  const message = usedMessage();
  assert.is(messageWords(message), MESSAGE_WORDS_MAX);
  const words = new Int32Array(MESSAGE_WORDS_MAX);
  encodeMessage(message, words, 0);
  const decoded = new Message();
  decodeMessage(decoded, words, 0);
  assert.equal(fieldsOf(decoded), fieldsOf(message));
  assert.is(decoded.extraCount, EXTRA_WORDS_MAX);
  assert.ok(decoded.extra.every((word) => word === -1));
});

codec('keeps every bit of the positions around 2^31, 2^32 and 2^53', () => {
  const words = new Int32Array(MESSAGE_HEADER_WORDS);
  const decoded = new Message();
  const around = [2 ** 31, 2 ** 32, 2 ** 33, 2 ** 52].flatMap((p) => [p - 1, p, p + 1]);
  for (const position of [0, ...around, Number.MAX_SAFE_INTEGER]) {
    const message = new Message();
    message.position = position;
    message.outcome = 0xff;
    encodeMessage(message, words, 0);
    decodeMessage(decoded, words, 0);
    assert.is(decoded.position, position);
    assert.is(decoded.outcome, 0xff);
  }
});

codec('refuses a record whose length no message has', () => {
  const words = new Int32Array(2 * MESSAGE_WORDS_MAX);
  for (const length of [-1, 0, MESSAGE_HEADER_WORDS - 1, MESSAGE_WORDS_MAX + 1, 2 ** 31 - 1]) {
    words[0] = length;
    assert.throws(() => decodeMessage(new Message(), words, 0), /legal length/);
  }
});

codec('makes a reply that goes back to the requester under the same number', () => {
  const request = messageOf(
    { type: 16, from: 9, to: 5, operation: 77, epoch: 3, position: 12, outcome: 4, value: 8 },
    [1, 2],
  );
  const reply = usedMessage().replyTo(request, 17, 2);
  assert.equal(fieldsOf(reply), {
    type: 17,
    from: 5,
    to: 9,
    operation: 77,
    epoch: 3,
    position: 12,
    outcome: 2,
    value: 0,
  });
  assert.is(reply.extraCount, 0);
});

codec.run();
