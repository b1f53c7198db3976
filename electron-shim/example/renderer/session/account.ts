/** Who works at this window, and how one comes in and goes. */

import { BackendError, type Me, type SchoolClient } from '../../../src/renderer';
import { startOver } from '../transport';
import type { Reason, SignInDialog } from './signInDialog';

const nobody: readonly string[] = ['UNAUTHENTICATED', 'SESSION_EXPIRED'];

/** The account of the window. */
export class Account {
  readonly #client: SchoolClient;
  readonly #dialog: SignInDialog;
  readonly #changed: (me: Me) => void;
  #me: Me | undefined;
  #asking: Promise<void> | undefined;

  /** *client* is the bare one: the guarded one would ask here. */
  constructor(client: SchoolClient, dialog: SignInDialog, changed: (me: Me) => void) {
    this.#client = client;
    this.#dialog = dialog;
    this.#changed = changed;
  }

  get me(): Me | undefined {
    return this.#me;
  }

  /** Find out who is here, and ask if nobody is. @throws BackendError: no answer to that. */
  async open(): Promise<Me> {
    for (;;) {
      try {
        return this.#accept(await this.#client.send('auth.me', {}));
      } catch (error) {
        if (!(error instanceof BackendError) || !nobody.includes(error.symbol)) {
          throw error;
        }
        await this.#ask(this.#me === undefined ? 'start' : 'again');
      }
    }
  }

  /** Bring the sign-in back over what is being worked at; all who want it wait for the same. */
  async signIn(symbol: string): Promise<void> {
    await this.#ask(symbol === 'SESSION_EXPIRED' ? 'expired' : 'again');
    await this.open();
  }

  /** Offer to make the first owner of a new store, or to work without. */
  async welcome(): Promise<Me> {
    await this.#ask('first');
    return this.open();
  }

  /** Sign out; nothing that this one saw or typed is left for the next. */
  async signOut(): Promise<void> {
    await this.#client.send('auth.logout', {}).catch(() => undefined);
    startOver();
  }

  /** Somebody signed in elsewhere: perhaps nobody has to be asked here any more. */
  async recheck(): Promise<void> {
    if (this.#asking === undefined) {
      return;
    }
    const me = await this.#client.send('auth.me', {}).catch(() => undefined);
    if (me !== undefined) {
      this.#dialog.dismiss();
    }
  }

  #ask(reason: Reason): Promise<void> {
    this.#asking ??= this.#dialog.ask(reason).then(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  #accept(me: Me): Me {
    const before = this.#me;
    if (before !== undefined && before.user !== null && before.user.id !== me.user?.id) {
      // Somebody else: what the other one saw may not be his to see.
      startOver();
    }
    this.#me = me;
    this.#changed(me);
    return me;
  }
}
