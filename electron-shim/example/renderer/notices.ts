/** What covers the calendar when there is nothing to show in it. */

import type { BridgeStatus } from '../../src/renderer';
import { fill, find, make } from './dom';

const pills: Readonly<Record<BridgeStatus['state'], string>> = {
  stopped: 'Not running',
  starting: 'Starting …',
  ready: 'Ready',
  degraded: 'Slow to answer',
  backoff: 'Restarting …',
  stopping: 'Closing …',
  failed: 'Not available',
};

/** Show the state of the backend in the title bar. */
export function showState(status: BridgeStatus): void {
  const pill = find('backend-state', HTMLParagraphElement);
  pill.dataset['state'] = status.state;
  pill.textContent = pills[status.state];
  pill.title =
    status.state === 'ready'
      ? `${status.server.name} ${status.server.version}, ready after ${status.server.bootMs} ms`
      : '';
}

/** Uncover the calendar. */
export function hideNotice(): void {
  find('notice', HTMLDivElement).hidden = true;
}

function show(...children: readonly HTMLElement[]): void {
  const notice = find('notice', HTMLDivElement);
  fill(notice, ...children);
  notice.hidden = false;
}

/** Say that the school is still empty and how to fill it. */
export function showEmptySchool(seedCommand: string): void {
  show(
    make('h2', {}, 'Your school is still empty'),
    make(
      'p',
      {},
      'There are no students yet. Close this window, fill the school with this command, and open it again:',
    ),
    make('pre', { tabindex: '0' }, seedCommand),
    make('p', {}, 'Or watch a scripted day at the desk of a demo school with'),
    make('pre', { tabindex: '0' }, 'make demo'),
  );
}

/** Say why the backend does not run and offer to try again. */
export function showFailure(
  status: Extract<BridgeStatus, { readonly state: 'failed' }>,
  retry: () => void,
): void {
  const button = make('button', { type: 'button' }, 'Try again');
  button.addEventListener('click', retry);
  show(
    make('h2', {}, 'The backend is not available'),
    make('p', { role: 'alert' }, status.reason.message),
    ...(status.stderrTail.length > 0
      ? [make('pre', { tabindex: '0' }, status.stderrTail.join('\n'))]
      : []),
    button,
  );
  button.focus();
}
