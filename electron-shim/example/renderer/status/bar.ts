/** The bar at the lower edge: how the backend is, what happened last, what went wrong. */

import type { BackendEvent, BridgeStatus } from '../../../src/renderer';
import { find } from '../base/dom';

const words: Readonly<Record<BridgeStatus['state'], string>> = {
  stopped: 'Not running',
  starting: 'Starting …',
  ready: 'Ready',
  degraded: 'Slow to answer',
  backoff: 'Restarting …',
  stopping: 'Closing …',
  failed: 'Not available',
};

/** Show the state of the backend. */
export function showState(status: BridgeStatus): void {
  const state = find('backend-state', HTMLParagraphElement);
  state.dataset['state'] = status.state;
  state.textContent = words[status.state];
  find('backend-more', HTMLSpanElement).textContent = more(status);
}

function more(status: BridgeStatus): string {
  switch (status.state) {
    case 'ready':
      return `${status.server.name} ${status.server.version}, up in ${status.server.bootMs} ms`;
    case 'degraded':
      return `${status.misses} pings are without an answer; calls are still sent.`;
    case 'starting':
      return status.attempt > 1 ? `try ${status.attempt}` : '';
    case 'backoff':
      return `${status.reason.message} Try ${status.attempt + 1} in ${(status.delayMs / 1_000).toFixed(1)} s.`;
    case 'failed':
      return status.reason.message;
    default:
      return '';
  }
}

const events: Readonly<Record<string, string>> = {
  'lessons.booked': 'a lesson was booked',
  'lessons.cancelled': 'a lesson was cancelled',
  'lessons.rescheduled': 'a lesson was moved',
  'students.created': 'a student was enrolled',
  'students.updated': 'a student was changed',
};

/** Show what happened last, here or elsewhere. */
export function showEvent({ at, type }: Pick<BackendEvent, 'at' | 'type'>): void {
  const what = events[type];
  if (what === undefined) {
    return;
  }
  const time = new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  find('last-event', HTMLSpanElement).textContent = `${time} ${what}`;
}

/** Show how much went wrong that nobody has looked at. */
export function showUnseen(count: number): void {
  const button = find('open-problems', HTMLButtonElement);
  button.textContent = count === 0 ? 'What went wrong' : `What went wrong (${count})`;
  button.classList.toggle('alarm', count > 0);
}
