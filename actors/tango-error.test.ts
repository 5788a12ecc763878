import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from './tango-error.ts';

const tangoError = suite('TangoError');

const DETAILS = {
  position: 2 ** 52,
  epoch: 3,
  object: 'accounts',
  key: { name: 'anne' },
  index: 2,
};

function full(): TangoError {
  const cause = new RangeError('the reason');
  return new TangoError('ERR_TRIMMED', 'the position is trimmed: position=7', {
    ...DETAILS,
    cause,
  });
}

tangoError('is an Error with a name, a code and a stack', () => {
  const error = new TangoError('ERR_SEALED', 'the epoch is sealed: epoch=3');
  assert.instance(error, Error);
  assert.instance(error, TangoError);
  assert.is(error.name, 'TangoError');
  assert.is(error.code, 'ERR_SEALED');
  assert.is(String(error), 'TangoError: the epoch is sealed: epoch=3');
  assert.match(String(error.stack), /tango-error\.test/);
});

tangoError('has only the details it was given', () => {
  const error = new TangoError('ERR_UNWRITTEN', 'text', { position: 0 });
  assert.is(error.position, 0);
  for (const name of ['epoch', 'object', 'key', 'index', 'cause'])
    assert.not.ok(name in error, name);
  assert.equal(Object.keys(error.toJSON()).sort(), ['code', 'message', 'position', 'stack']);
});

tangoError('keeps a key that is null or false', () => {
  for (const key of [null, false, 0, '']) {
    assert.is(new TangoError('ERR_CONFLICT', 'text', { key }).key, key);
    const { key: told } = new TangoError('ERR_CONFLICT', 'text', { key }).toJSON();
    assert.is(told, key);
  }
});

tangoError('is the same after it went through a structured clone as plain data', () => {
  const error = full();
  const arrived = TangoError.from(structuredClone(error.toJSON()));
  assert.instance(arrived, TangoError);
  assert.is.not(arrived, error);
  assert.is(arrived.code, error.code);
  assert.is(arrived.message, error.message);
  assert.is(arrived.stack, error.stack, 'it tells where it was thrown, not where it arrived');
  assert.is(arrived.position, DETAILS.position);
  assert.is(arrived.epoch, DETAILS.epoch);
  assert.is(arrived.object, DETAILS.object);
  assert.equal(arrived.key, DETAILS.key);
  assert.is(arrived.index, DETAILS.index);
  assert.instance(arrived.cause, RangeError);
  assert.is((arrived.cause as RangeError).message, 'the reason');
});

tangoError('comes back from the clone of an error, which has lost its class and fields', () => {
  const error = full();
  const clone: unknown = structuredClone(error);
  assert.not.instance(clone, TangoError);
  const arrived = TangoError.from(clone);
  assert.instance(arrived, TangoError);
  assert.is(arrived.code, error.code);
  assert.is(arrived.message, error.message);
  assert.is(arrived.position, DETAILS.position);
  assert.is(arrived.epoch, DETAILS.epoch);
  assert.is(arrived.object, DETAILS.object);
  assert.is((arrived.cause as RangeError).message, 'the reason');
  assert.is(arrived.index, DETAILS.index);
  const ofNode = new TangoError('ERR_NO_NODE', 'there is no node', { key: '/a b/ü' });
  assert.is(TangoError.from(structuredClone(ofNode)).key, '/a b/ü');
  const long = new TangoError('ERR_NO_NODE', 'there is no node', { key: 'x'.repeat(1000) });
  assert.not.ok('key' in TangoError.from(structuredClone(long)), 'a line of a stack bears no more');
  const bare = TangoError.from(structuredClone(new TangoError('ERR_CLOSED', 'a: b')));
  assert.equal([bare.code, bare.message, 'position' in bare], ['ERR_CLOSED', 'a: b', false]);
});

tangoError('is the same after it went through JSON, but for its cause', () => {
  const error = full();
  const arrived = TangoError.from(JSON.parse(JSON.stringify(error)));
  assert.instance(arrived, TangoError);
  assert.equal({ ...arrived.toJSON(), cause: undefined }, { ...error.toJSON(), cause: undefined });
});

tangoError('is left as it is by from()', () => {
  const error = full();
  assert.is(TangoError.from(error), error);
});

tangoError('makes anything else that was thrown an ERR_ACTOR_EXITED with its cause', () => {
  const thrown = new TypeError('undefined is not a function');
  const error = TangoError.from(thrown);
  assert.is(error.code, 'ERR_ACTOR_EXITED');
  assert.is(error.message, thrown.message);
  assert.is(error.cause, thrown);
  for (const value of ['text', 7, null, undefined, { code: 7, message: 'x' }, { code: 'ERR_X' }]) {
    const wrapped = TangoError.from(value);
    assert.is(wrapped.code, 'ERR_ACTOR_EXITED');
    assert.is(wrapped.message, String(value));
    assert.is(wrapped.cause, value);
  }
});

tangoError.run();
