/** Finds the compiled test files below a folder. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const TEST_FILE = /\.test\.[jt]s$/;
/** `fixtures` holds test files that are broken on purpose; naming the folder itself still runs them. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'fixtures', '.git']);

/** Absolute when `folder` is; in alphabetical order; only paths that contain `filter`. */
export function findTestFiles(folder: string, filter = ''): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) visit(child);
      } else if (TEST_FILE.test(entry.name) && child.slice(folder.length).includes(filter)) {
        found.push(child);
      }
    }
  };
  visit(folder);
  return found.sort();
}
