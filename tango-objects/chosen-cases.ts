/** For tests: `CASE=words` runs the cases of a suite that have these words in their name, and no others. */
type Cases = (name: string, body: never) => void;

export function chosen<T extends Cases>(cases: T): T {
  const { CASE } = process.env;
  if (CASE === undefined) return cases;
  const some: Cases = (name, body) => {
    if (name.includes(CASE)) cases(name, body);
  };
  return Object.assign(some, cases);
}
