/** Short news at the lower edge: what was done, with a way back, or why it was not. */

import { fill, find, make, makeButton } from './dom';

const shownMs = 9_000;

/** Say that something was done, and offer one thing to do about it. */
export function toast(
  text: string,
  action?: { readonly label: string; readonly act: () => void },
): void {
  const note = make('div', { class: 'toast', role: 'status' }, make('span', {}, text));
  if (action !== undefined) {
    const act = (): void => {
      note.remove();
      action.act();
    };
    note.append(makeButton(action.label, act, { class: 'quiet' }));
  }
  put(note);
  window.setTimeout(() => note.remove(), shownMs);
}

/** Show *card* until it is closed; only the latest of these stays. */
export function pin(card: HTMLElement): void {
  fill(find('toasts', HTMLDivElement));
  const close = makeButton('×', () => card.remove(), {
    class: 'close',
    'aria-label': 'Close this message',
  });
  card.classList.add('pinned');
  card.append(close);
  put(card);
}

/** Take the pinned card away. */
export function unpin(): void {
  find('toasts', HTMLDivElement).querySelector('.pinned')?.remove();
}

function put(element: HTMLElement): void {
  find('toasts', HTMLDivElement).append(element);
}
