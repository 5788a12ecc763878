/** Paths of nodes, with ZooKeeper's rules for what is one. */
import { invalid } from '../../runtime/arguments.ts';

export const ROOT = '/';
/** Least digits of the number that a sequential node has behind its name. */
const DIGITS = 10;
/** Characters. It is a part of keys, and a number may be put behind it. */
const PATH_LENGTH_MAX = 65_000;
const ENDS_IN_NUMBER = new RegExp(`\\d{${DIGITS}}$`);

/**
 * Absolute, with `/` between names, and no `/` at the end; a name is neither empty nor `.` nor `..`. Not in
 * a path: U+0000 – U+001F, U+007F – U+009F, U+D800 – U+F8FF (so none beyond U+FFFF), U+FFF0 – U+FFFF.
 * At most PATH_LENGTH_MAX characters. ERR_INVALID_ARGUMENT.
 */
export function checkPath(path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith(ROOT)) {
    throw invalid('path', path, 'an absolute path');
  }
  if (path.length > PATH_LENGTH_MAX) {
    throw invalid('path', path.length, `of at most ${PATH_LENGTH_MAX} characters`);
  }
  if (path === ROOT) return path;
  for (const name of path.slice(1).split('/')) {
    if (name === '' || name === '.' || name === '..') {
      throw invalid('path', path, 'without empty and relative names, and no / at the end');
    }
  }
  for (let i = 0; i < path.length; i++) {
    if (!isAllowed(path.charCodeAt(i))) {
      throw invalid('path', path, `of characters that paths may have, unlike that at ${i}`);
    }
  }
  return path;
}

/** As checkPath, of what gets a number behind it: `/` at the end is right. */
export function checkSequentialPath(path: unknown): string {
  if (typeof path !== 'string') throw invalid('path', path, 'an absolute path');
  checkPath(numbered(path, 0));
  return path;
}

function isAllowed(unit: number): boolean {
  if (unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f)) return false;
  return unit < 0xd800 || (unit > 0xf8ff && unit < 0xfff0);
}

/** Of the root: itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? ROOT : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childOf(path: string, name: string): string {
  return path === ROOT ? ROOT + name : `${path}/${name}`;
}

/** The path of a sequential node. */
export function numbered(path: string, number: number): string {
  return path + String(number).padStart(DIGITS, '0');
}

/** It may become the path of a sequential node. */
export function isNumbered(path: string): boolean {
  return ENDS_IN_NUMBER.test(path);
}
