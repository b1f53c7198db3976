/** Where the calls of this page go: the one file that knows how it was opened. */

import type { SchoolPort } from '../../src/renderer';

declare global {
  interface Window {
    /** Put there by the preload of Electron. */
    readonly school?: SchoolPort;
  }
}

/**
 * Return the port to the school.
 *
 * In a plain browser the port over the HTTP mirror has its place here; nothing else would change.
 *
 * @throws TypeError: the page was opened without a preload.
 */
export function openPort(): SchoolPort {
  if (window.school === undefined) {
    throw new TypeError('this page needs the preload of electron-shim');
  }
  return window.school;
}

/**
 * Load the page anew, for nothing that one user saw or typed is left for the next.
 *
 * In Electron the main process does so with all its windows, and lets none go anywhere alone.
 */
export function startOver(): void {
  if (window.school === undefined) {
    window.location.reload();
  }
}
