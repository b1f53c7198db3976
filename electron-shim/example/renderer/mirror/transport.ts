/** Takes the place of ../transport.ts in a plain browser (scripts/build.mjs). */

import type { SchoolPort } from '../../../src/renderer';
import { openMirrorPort } from './port';

/** Return the port to the school behind the mirror that served this page. */
export function openPort(): SchoolPort {
  return openMirrorPort(window.location.origin);
}

/** Load the page anew, for nothing that one user saw or typed is left for the next. */
export function startOver(): void {
  window.location.reload();
}
