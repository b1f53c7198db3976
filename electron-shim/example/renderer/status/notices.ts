/** What covers the calendar when there is nothing to show in it. */

import type { BridgeStatus } from '../../../src/renderer';
import { fill, find, make, makeButton } from '../base/dom';

/** Uncover the calendar. */
export function hideNotice(): void {
  find('notice', HTMLDivElement).hidden = true;
}

function show(...children: readonly HTMLElement[]): void {
  const notice = find('notice', HTMLDivElement);
  fill(notice, ...children);
  notice.hidden = false;
}

/** Say that the school is still empty, and how to begin or to look around. */
export function showEmptySchool(setUp: HTMLElement, seedCommand: string): void {
  show(
    make('h2', {}, 'Your school is still empty'),
    make('p', {}, 'These are all it needs to begin; everything else can come later.'),
    setUp,
    make(
      'p',
      { class: 'aside' },
      'Only looking? Close this window, fill the school with a demo by this command, and open it again:',
    ),
    make('pre', { tabindex: '0' }, seedCommand),
  );
}

/** Say that the backend comes up. */
export function showStarting(): void {
  show(
    make('div', { class: 'spinner', 'aria-hidden': 'true' }),
    make('p', {}, 'Opening the school …'),
  );
}

/** Say why the backend does not run and offer to try again. */
export function showFailure(
  status: Extract<BridgeStatus, { readonly state: 'failed' }>,
  retry: () => void,
  explain: () => void,
): void {
  const tail = status.stderrTail.join('\n');
  const again = makeButton('Try again', retry, { class: 'primary' });
  show(
    make('h2', {}, 'The backend is not available'),
    make('p', { role: 'alert' }, status.reason.message),
    ...(tail === '' ? [] : [make('pre', { tabindex: '0' }, tail)]),
    make('div', { class: 'actions' }, again, makeButton('What went wrong', explain)),
  );
  again.focus();
}
