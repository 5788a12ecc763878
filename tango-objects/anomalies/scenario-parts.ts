/** What scenarios have in common: simple transactions, and words for what became of them. */
import type { Execution } from './execution.ts';
import type { Session, TransactionSpec } from './scenario.ts';

/** Sets keys in this order, and reads nothing. */
export function blind(name: string, changes: Record<string, number>): TransactionSpec {
  return {
    name,
    keys: Object.keys(changes).join(''),
    *body(s: Session) {
      for (const [i, [key, value]] of Object.entries(changes).entries()) {
        if (i > 0) yield;
        s.set(key, value);
      }
    },
  };
}

/** Reads keys in this order, and changes nothing. */
export function reader(name: string, keys: string): TransactionSpec {
  return {
    name,
    keys,
    isReadOnly: true,
    *body(s: Session) {
      const values: (number | undefined)[] = [];
      for (const key of keys) {
        if (values.length > 0) yield;
        values.push(s.get(key));
      }
      return values;
    },
  };
}

/** By reading everything. */
export function valuesOf(s: Session, isWanted: (value: number) => boolean): number[] {
  return [...s.scan().values()].filter(isWanted);
}

/** Who took effect. */
export function happened(e: Execution, names = ['T1', 'T2']): string {
  const those = names.filter((name) => e.happened(e.of(name)));
  return those.length === 0 ? 'none' : those.join(' and ');
}

/** The result of a transaction that its client was told, as text; else 'nothing'. */
export function told(e: Execution, name: string): string {
  const { outcome, result } = e.of(name);
  return outcome === 'committed' ? String(result) : 'nothing';
}

/** The results of T1 and T2, if both took effect and both clients were told; else 'not both'. */
export function bothTold(e: Execution): string {
  const isBoth = ['T1', 'T2'].every((name) => e.of(name).outcome === 'committed');
  return isBoth ? `${e.of('T1').result},${e.of('T2').result}` : 'not both';
}

/** The values of some keys in the end. */
export function last(e: Execution, keys = 'xy'): string {
  return [...keys].map((key) => e.last(key)).join();
}

export function oneOf(value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new Error(`${value} is none of ${allowed.join(' | ')}`);
}
