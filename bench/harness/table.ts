/**
 * Figures as text for people: 2.31 M/s rather than 2310482.6, in columns that line up.
 *
 *     name                 value       limit   ratio   parameters
 *     mailbox           2.31 M/s    9.80 M/s    24 %   batch=16
 *     round trip p99      1.7 µs
 */
import type { ParameterValue, Result } from './experiment.ts';

const TIMES = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
] as const;
const COUNTS = [
  ['G', 1e9],
  ['M', 1e6],
  ['K', 1e3],
] as const;

/** A value with its unit. Times are in `ns`; a rate's unit ends in `/s`, as `records/s`. */
export function humanise(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '-';
  if (unit === 'ns') return scale(value, TIMES, 'ns', '');
  if (unit === '%') return `${threeDigits(value)} %`;
  if (unit.endsWith('/s')) return scale(value, COUNTS, '', '/s');
  return scale(value, COUNTS, '', '') + (unit === '' ? '' : ` ${unit}`);
}

type Scale = readonly (readonly [prefix: string, size: number])[];

function scale(value: number, sizes: Scale, smallest: string, suffix: string): string {
  for (const [prefix, size] of sizes) {
    // Just below the next size three digits would already show 1000.
    if (Math.abs(value) >= size * 0.9995) return `${threeDigits(value / size)} ${prefix}${suffix}`;
  }
  const unit = smallest + suffix;
  return unit === '' ? threeDigits(value) : `${threeDigits(value)} ${unit}`;
}

/** Three significant digits, and whole numbers as they are. */
function threeDigits(value: number): string {
  if (Number.isInteger(value)) return String(value);
  // Rounded first: 0.999999 has the digits of 1.00.
  const magnitude = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  return value.toFixed(Math.min(Math.max(2 - magnitude, 0), 3));
}

/** Columns that begin with a number are aligned right, others left. Lines end without spaces. */
export function textTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumeric = heads.map((_head, column) => {
    const filled = rows.map((row) => row[column] ?? '').filter((cell) => cell !== '');
    return filled.length > 0 && filled.every((cell) => /^-?\d/.test(cell) || cell === '-');
  });
  const lines = [heads, ...rows];
  const widths = heads.map((_head, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      widths
        .map((width, column) => {
          const cell = line[column] ?? '';
          return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** The results of one experiment as a table; columns that nobody fills are left out. */
export function resultTable(results: readonly Result[]): string {
  const heads = ['name', 'value', 'limit', 'ratio', 'details', 'beside', 'parameters'];
  const rows = results.map((result) => [
    result.name,
    humanise(result.value, result.unit),
    result.limit === undefined ? '' : humanise(result.limit, result.unit),
    result.ratio === undefined ? '' : humanise(result.ratio * 100, '%'),
    listDetails(result),
    listPeers(result),
    listParameters(result.parameters),
  ]);
  const used = heads.map((_head, column) => rows.some((row) => row[column] !== ''));
  return textTable(
    heads.filter((_head, column) => used[column]),
    rows.map((row) => row.filter((_cell, column) => used[column])),
  );
}

function listDetails({ details = {}, unit }: Result): string {
  return Object.entries(details)
    .map(([name, value]) => `${name} ${humanise(value, name === 'count' ? '' : unit)}`)
    .join(', ');
}

/** Each with how many times as much the value is. */
function listPeers({ peers = {}, value, unit }: Result): string {
  return Object.entries(peers)
    .map(
      ([name, figure]) => `${name} ${humanise(figure, unit)} (${humanise(value / figure, '')} ×)`,
    )
    .join(', ');
}

export function listParameters(parameters: Readonly<Record<string, ParameterValue>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
