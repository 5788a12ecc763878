/** Values of command line options: parsers that say in one sentence what is wrong and what fits. */

/** Wrong usage: exit code 2. The message is one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A parser for commander: whole numbers from `min` to `max`. */
export function integerOption(name: string, { min, max }: Bounds): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`${name} must be an integer from ${min} to ${max}: ${name}=${text}`);
  };
}

/** Numbers with decimals from `min` to `max`. */
export function numberOption(name: string, { min, max }: Bounds): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`${name} must be a number from ${min} to ${max}: ${name}=${text}`);
  };
}

/** One of `words`. */
export function wordOption<W extends string>(
  name: string,
  words: readonly W[],
): (text: string) => W {
  return (text) => {
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw new UsageError(`${name} must be ${words.join(' or ')}: ${name}=${text}`);
  };
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
};

/** Bytes, as 65536, 64KiB, 256MiB or 1GiB. */
export function bytesOption(name: string, { min, max }: Bounds): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d+) ?([a-z]*)$/i.exec(text) ?? [];
    const value = Number(digits) * (UNITS[unit?.toLowerCase()] ?? Number.NaN);
    if (value >= min && value <= max) return value;
    const range = `from ${showBytes(min)} to ${showBytes(max)}`;
    throw new UsageError(`${name} must be a size ${range}, as 256MiB: ${name}=${text}`);
  };
}

/** The largest unit that leaves a whole number: 64KiB. */
export function showBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
