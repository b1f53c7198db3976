/** Draws a name with what was typed marked in it. */

import { make } from '../base/dom';
import { markMatches } from './marks';

/** Draw *name*; what answers to *typed* stands out. */
export function drawMarked(name: string, typed: string): HTMLElement {
  const parts = markMatches(name, typed);
  return make(
    'span',
    { class: 'name' },
    ...parts.map(({ text, isMatch }) => (isMatch ? make('mark', {}, text) : text)),
  );
}
