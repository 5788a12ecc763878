import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../actors/simulation/random.ts';
import {
  checkLog,
  type FinalState,
  type LoggedOperation,
  type OperationKind,
  type OperationOutcome,
  type Rule,
} from './log-checker.ts';

const checker = suite('log checker');

type Line = [
  kind: OperationKind,
  call: number,
  returned: number,
  position: number,
  outcome: OperationOutcome,
  value?: string,
];

function history(...lines: Line[]): LoggedOperation[] {
  return lines.map(([kind, call, returned, position, outcome, value = ''], client) => {
    return { kind, client, call, return: returned, position, outcome, value };
  });
}

function rulesOf(operations: readonly LoggedOperation[], final?: readonly FinalState[]): Rule[] {
  const rules = checkLog(operations, final).map((one) => one.rule);
  return [...new Set(rules)].sort();
}

const A: Line = ['append', 1, 4, 0, 'ok', 'a'];
const B: Line = ['append', 5, 8, 1, 'ok', 'b'];

interface Bad {
  readonly rule: Rule;
  readonly what: string;
  readonly operations: readonly LoggedOperation[];
  readonly final?: readonly FinalState[];
}

const BAD: readonly Bad[] = [
  {
    rule: 'a',
    what: 'two appends acknowledged at one position',
    operations: history(A, ['append', 2, 3, 0, 'ok', 'b']),
  },
  {
    rule: 'b',
    what: 'an append below another that had returned before it began',
    operations: history(['append', 1, 2, 7, 'ok', 'a'], ['append', 3, 4, 6, 'ok', 'b']),
  },
  {
    rule: 'b',
    what: 'the same for an append whose place is known from a read only',
    operations: history(
      ['append', 1, 2, 7, 'ok', 'a'],
      ['append', 3, Infinity, -1, 'unknown', 'b'],
      ['read', 5, 6, 6, 'value', 'b'],
    ),
  },
  {
    rule: 'c',
    what: 'a read that disagrees with the acknowledged append',
    operations: history(A, ['append', 2, 3, -1, 'unknown', 'x'], ['read', 6, 7, 0, 'value', 'x']),
  },
  {
    rule: 'c',
    what: 'junk where a value was read',
    operations: history(
      ['append', 1, 9, -1, 'unknown', 'a'],
      ['read', 2, 3, 0, 'value', 'a'],
      ['read', 4, 5, 0, 'junk'],
    ),
  },
  {
    rule: 'd',
    what: 'a value that nobody appended',
    operations: history(['read', 1, 2, 0, 'value', 'ghost']),
  },
  {
    rule: 'd',
    what: 'a value read before its append began',
    operations: history(['read', 1, 2, 0, 'value', 'a'], ['append', 3, 4, 0, 'ok', 'a']),
  },
  {
    rule: 'd',
    what: 'a value whose append had failed for certain',
    operations: history(['append', 1, 2, -1, 'failed', 'a'], ['read', 3, 4, 0, 'value', 'a']),
  },
  {
    rule: 'd',
    what: 'a value at two positions',
    operations: history(
      ['append', 1, 9, -1, 'unknown', 'a'],
      ['read', 2, 3, 0, 'value', 'a'],
      ['read', 4, 5, 3, 'value', 'a'],
    ),
  },
  {
    rule: 'e',
    what: 'nothing at a position that was acknowledged before',
    operations: history(A, ['read', 5, 6, 0, 'unwritten']),
  },
  {
    rule: 'e',
    what: 'nothing at a position below a tail that was told before',
    operations: history(['tail', 1, 2, 5, 'ok'], ['read', 3, 4, 4, 'unwritten']),
  },
  {
    rule: 'f',
    what: 'a tail at an acknowledged position',
    operations: history(A, B, ['tail', 9, 10, 1, 'ok']),
  },
  {
    rule: 'g',
    what: 'a tail that goes back',
    operations: history(['tail', 1, 2, 5, 'ok'], ['tail', 3, 4, 4, 'ok']),
  },
  {
    rule: 'h',
    what: 'an undecided position below the final tail',
    operations: history(A),
    final: [{ value: 'a' }, 'unwritten'],
  },
  {
    rule: 'h',
    what: 'an acknowledged value that ends as junk',
    operations: history(A),
    final: ['junk'],
  },
  {
    rule: 'h',
    what: 'an acknowledged value beyond the final tail',
    operations: history(A, B),
    final: [{ value: 'a' }],
  },
  {
    rule: 'i',
    what: 'a value at a position after its trim had returned',
    operations: history(A, ['trim', 5, 6, 0, 'ok'], ['read', 7, 8, 0, 'value', 'a']),
  },
  {
    rule: 'i',
    what: 'a value below a prefix after its trim had returned',
    operations: history(A, B, ['trim prefix', 9, 10, 2, 'ok'], ['read', 11, 12, 1, 'value', 'b']),
  },
  {
    rule: 'i',
    what: 'a value that is trimmed and was trimmed by nobody',
    operations: history(A, B, ['trim', 9, 10, 1, 'ok'], ['read', 11, 12, 0, 'trimmed']),
  },
];

for (const { rule, what, operations, final } of BAD) {
  checker(`rejects by rule ${rule}: ${what}`, () => {
    assert.equal(rulesOf(operations, final), [rule]);
  });
}

checker('accepts concurrent appends in any order', () => {
  assert.equal(
    rulesOf(history(['append', 1, 9, 1, 'ok', 'a'], ['append', 2, 8, 0, 'ok', 'b'])),
    [],
  );
});

checker('accepts an unknown append that is there and one that is not', () => {
  const operations = history(
    ['append', 1, 2, -1, 'unknown', 'a'],
    ['append', 3, Infinity, -1, 'unknown', 'b'],
  );
  assert.equal(rulesOf(operations, ['junk', { value: 'a' }]), []);
});

checker('accepts what overlaps: a read during a trim, an empty one during an append', () => {
  const operations = history(
    ['append', 1, 6, 0, 'ok', 'a'],
    ['read', 2, 3, 0, 'unwritten'],
    ['trim', 7, 12, 0, 'ok'],
    ['read', 8, 9, 0, 'trimmed'],
    ['read', 10, 13, 0, 'trimmed'],
    ['tail', 14, 15, 1, 'ok'],
  );
  assert.equal(rulesOf(operations, ['trimmed']), []);
});

checker('accepts junk that reads as trimmed below a trim', () => {
  const operations = history(
    ['read', 1, 2, 0, 'junk'],
    ['append', 3, 4, 1, 'ok', 'a'],
    ['trim', 5, 6, 1, 'ok'],
    ['read', 7, 8, 0, 'trimmed'],
  );
  assert.equal(rulesOf(operations, ['trimmed', 'trimmed']), []);
});

checker('accepts a long legal history, and rejects it with two values exchanged', () => {
  const random = new Random(1);
  const operations: LoggedOperation[] = [];
  const total = 50_000;
  for (let position = 0; position < total; position++) {
    const [call, value] = [position * 4, `v${position}`];
    const base = { client: position % 64, position, value };
    operations.push({ ...base, kind: 'append', call, return: call + 90, outcome: 'ok' });
    operations.push({ ...base, kind: 'read', call: call + 1, return: call + 99, outcome: 'value' });
  }
  assert.equal(rulesOf(operations), []);
  const [one, other] = [random.below(total), random.below(total)];
  const swapped = operations.map((operation) =>
    operation.kind === 'read' && operation.position === one
      ? { ...operation, value: `v${other}` }
      : operation,
  );
  assert.ok(rulesOf(swapped).includes('c'));
});

checker.run();
