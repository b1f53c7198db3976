/** The menu of who works here: sign out, further windows, a first account. */

import type { Me } from '../../../src/renderer';
import { find, onClick } from '../base/dom';

export interface AccountActions {
  readonly signOut: () => void;
  readonly protect: () => void;
  readonly openWindow: (kind: 'desk' | 'board') => void;
}

/** The button with the name, and what unfolds below it. */
export class AccountMenu {
  readonly #button = find('account', HTMLButtonElement);
  readonly #menu = find('account-menu', HTMLDivElement);

  constructor({ signOut, protect, openWindow }: AccountActions) {
    this.#button.addEventListener('click', () => this.#unfold(this.#menu.hidden === true));
    this.#menu.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        this.#unfold(false);
        this.#button.focus();
      }
    });
    document.addEventListener('click', ({ target }) => {
      const isInside =
        target instanceof Node && (this.#menu.parentElement?.contains(target) ?? false);
      if (!isInside) {
        this.#unfold(false);
      }
    });
    this.#act('sign-out', signOut);
    this.#act('protect', protect);
    this.#act('new-desk', () => openWindow('desk'));
    this.#act('new-board', () => openWindow('board'));
  }

  /** Show who is here, and what he can do about it. */
  show(me: Me, mayOpenWindows: boolean): void {
    const name = me.user?.login ?? 'This desk';
    this.#button.textContent = name;
    find('account-name', HTMLParagraphElement).textContent =
      me.user === null
        ? 'Nobody has to sign in here yet.'
        : `Signed in as ${name} (${me.roles.join(', ')})`;
    find('sign-out', HTMLButtonElement).hidden = me.user === null;
    find('protect', HTMLButtonElement).hidden = !me.isLocal;
    find('new-desk', HTMLButtonElement).hidden = !mayOpenWindows;
    find('new-board', HTMLButtonElement).hidden = !mayOpenWindows;
    this.#button.hidden = false;
  }

  #act(id: string, act: () => void): void {
    onClick(id, () => {
      this.#unfold(false);
      act();
    });
  }

  #unfold(isOpen: boolean): void {
    this.#menu.hidden = !isOpen;
    this.#button.setAttribute('aria-expanded', String(isOpen));
  }
}
