/**
 * Module hook (it runs in Node's loader thread): `import 'uvu'` in a test file means observed-uvu.
 * Sub-paths such as 'uvu/assert' stay as they are.
 */

import type { ResolveHook } from 'node:module';
import { extname } from 'node:path';

const observedUvu = new URL(`./observed-uvu${extname(import.meta.url)}`, import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, nextResolve) => {
  // The stand-in itself needs the real one.
  if (specifier === 'uvu' && context.parentURL !== observedUvu) {
    return { url: observedUvu, format: 'module', shortCircuit: true };
  }
  return nextResolve(specifier, context);
};
