import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flight } from './flight.ts';
import { Quiescence } from './quiescence.ts';
import { allocateThreadTable, ThreadTable } from './thread-table.ts';

const flights = suite('flight');

const THREAD = 1;

function fresh(): { table: ThreadTable; flight: Flight } {
  const table = new ThreadTable(allocateThreadTable(3));
  assert.is(table.claim(THREAD, THREAD + 1), THREAD);
  return { table, flight: new Flight(table, THREAD) };
}

flights('is announced from the first enter to the last leave', () => {
  const { table, flight } = fresh();
  const count = table.flight(THREAD);
  assert.equal([flight.active, table.inFlight(THREAD)], [false, false]);
  flight.enter();
  assert.equal([flight.active, table.inFlight(THREAD)], [true, true]);
  flight.enter();
  flight.leave();
  assert.equal([flight.active, table.inFlight(THREAD)], [true, true]);
  assert.is(table.flight(THREAD), count + 1, 'the table hears of the outermost only');
  flight.leave();
  assert.equal([flight.active, table.inFlight(THREAD)], [false, false]);
  assert.is(table.flight(THREAD), count + 2);
});

flights('says nothing about other threads', () => {
  const { table, flight } = fresh();
  flight.enter();
  assert.equal(
    [0, 2].map((thread) => table.flight(thread)),
    [0, 0],
  );
});

flights('is left once for each enter', () => {
  const { table, flight } = fresh();
  assert.throws(() => flight.leave(), /only who has entered/);
  flight.enter();
  flight.leave();
  assert.throws(() => flight.leave(), /only who has entered/);
  assert.not(table.inFlight(THREAD));
});

flights('holds a wipe up until it has ended once, however often it begins anew', () => {
  const { table, flight } = fresh();
  const quiescence = new Quiescence(table);
  flight.enter();
  flight.enter();
  quiescence.begin();
  flight.leave();
  assert.not(quiescence.passed());
  flight.leave();
  flight.enter();
  assert.ok(quiescence.passed());
});

flights('runs foreign code on the ground, however deep it was, and goes on as deep', () => {
  const { table, flight } = fresh();
  const quiescence = new Quiescence(table);
  for (let i = 0; i < 3; i++) flight.enter();
  quiescence.begin();
  const value = flight.outside(() => {
    assert.equal([flight.active, table.inFlight(THREAD)], [false, false]);
    assert.ok(quiescence.passed(), 'nobody waits for foreign code');
    return 42;
  });
  assert.is(value, 42);
  assert.ok(table.inFlight(THREAD));
  for (let i = 0; i < 2; i++) flight.leave();
  assert.ok(table.inFlight(THREAD));
  flight.leave();
  assert.not(table.inFlight(THREAD));
});

flights('comes back from foreign code that throws, or that flies on its own', () => {
  const { table, flight } = fresh();
  flight.enter();
  const broken = (): never => {
    throw new Error('foreign');
  };
  assert.throws(() => flight.outside(broken), /foreign/);
  assert.ok(table.inFlight(THREAD));
  flight.outside(() => {
    flight.enter();
    assert.ok(table.inFlight(THREAD));
    flight.leave();
    assert.not(table.inFlight(THREAD));
  });
  assert.ok(table.inFlight(THREAD));
  flight.leave();
  flight.outside(() => assert.not(table.inFlight(THREAD)));
  assert.not(table.inFlight(THREAD), 'who was on the ground stays there');
});

flights('touches the words of its index no more once it has ended', () => {
  const { table, flight } = fresh();
  flight.enter();
  flight.end();
  assert.not(table.inFlight(THREAD), 'the end is a leave');
  const next = new Flight(table, THREAD);
  next.enter();
  const count = table.flight(THREAD);
  flight.leave();
  flight.enter();
  flight.outside(() => {});
  flight.end();
  assert.is(table.flight(THREAD), count, 'the index has another tenant');
  next.leave();
  assert.not(table.inFlight(THREAD));
});

flights('goes on with the count that the tenant before has left', () => {
  const { table, flight } = fresh();
  flight.enter();
  const seen = table.flight(THREAD);
  table.markExited(THREAD, table.incarnation(THREAD));
  table.release(THREAD);
  table.claim(THREAD, THREAD + 1);
  const next = new Flight(table, THREAD);
  next.enter();
  assert.is.not(table.flight(THREAD), seen, 'nobody waits for the dead');
  assert.ok(table.inFlight(THREAD));
});

flights.run();
