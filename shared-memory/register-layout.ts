/**
 * A sequence of write-once registers, each holding a short text: the memory of the layout store.
 *
 *    0 +---------------------------------------------------------------+
 *      | registers · bytes in the area                                 |  written once by initialize
 *   64 +---------------------------------------------------------------+
 *      | bytes taken (a proposer that dies leaves them taken)          |
 *  128 +---------------------------------------------------------------+
 *      | highest register written (a hint; never too high)             |
 *  192 +---------------------------------------------------------------+
 *      | register 0, 1, ...: 0 absent, else 1 + byte offset in the area|
 *      +---------------------------------------------------------------+
 *      | area: length word, UTF-8 bytes, padding to a word             |
 *      +---------------------------------------------------------------+
 */
import { CACHE_LINE_BYTES } from './words.ts';

export const REGISTER_COUNT_OFFSET = 0;
export const AREA_BYTES_OFFSET = 4;
export const BYTES_TAKEN_OFFSET = CACHE_LINE_BYTES;
export const HIGHEST_OFFSET = 2 * CACHE_LINE_BYTES;
export const REGISTERS_OFFSET = 3 * CACHE_LINE_BYTES;
