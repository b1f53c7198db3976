/** The sign-in: login and password, a code when one is wanted, the first owner of a new store. */

import { BackendError, type SchoolClient } from '../../../src/renderer';
import { openDialog } from '../base/dialogs';
import { find, onClick } from '../base/dom';
import { adviceFor } from '../problems/advice';

/** Why somebody is asked: to begin, since his time is over, since nobody is there, or as the first. */
export type Reason = 'start' | 'expired' | 'again' | 'first';

const words: Readonly<Record<Reason, { readonly title: string; readonly why: string }>> = {
  start: { title: 'Sign in', why: 'Welcome back. Your school is ready.' },
  expired: {
    title: 'Sign in again',
    why: 'Your session is over. What you were working at is still there.',
  },
  again: {
    title: 'Sign in again',
    why: 'Nobody is signed in any more. What you were working at is still there.',
  },
  first: {
    title: 'Welcome to your school',
    why: 'Make the first account. It owns the school: from then on everybody has to sign in.',
  },
};

/** The dialog; it stays until somebody is in. */
export class SignInDialog {
  readonly #client: SchoolClient;
  readonly #dialog = find('sign-in', HTMLDialogElement);
  readonly #form = find('sign-in-form', HTMLFormElement);
  readonly #login = find('login', HTMLInputElement);
  readonly #password = find('password', HTMLInputElement);
  readonly #repeated = find('password-again', HTMLInputElement);
  readonly #code = find('mfa-code', HTMLInputElement);
  readonly #error = find('sign-in-error', HTMLParagraphElement);
  readonly #button = find('sign-in-button', HTMLButtonElement);
  #reason: Reason = 'start';
  #isByRecovery = false;
  #done: () => void = () => undefined;
  #timer: number | undefined;

  constructor(client: SchoolClient) {
    this.#client = client;
    this.#dialog.addEventListener('cancel', (event) => event.preventDefault());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    onClick('sign-in-skip', () => this.#close());
    onClick('sign-in-recovery', () => this.#askForCode(!this.#isByRecovery));
  }

  /** Ask until somebody is signed in, or wants to work without. */
  ask(reason: Reason): Promise<void> {
    this.#reason = reason;
    const isFirst = reason === 'first';
    find('sign-in-title', HTMLHeadingElement).textContent = words[reason].title;
    find('sign-in-why', HTMLParagraphElement).textContent = words[reason].why;
    this.#button.textContent = isFirst ? 'Create the account' : 'Sign in';
    for (const id of ['password-again-field', 'password-hint', 'sign-in-skip']) {
      find(id, HTMLElement).hidden = !isFirst;
    }
    find('mfa-field', HTMLElement).hidden = true;
    this.#password.autocomplete = isFirst ? 'new-password' : 'current-password';
    this.#complain('');
    openDialog(this.#dialog);
    (this.#login.value === '' ? this.#login : this.#password).focus();
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  /** Nobody has to be asked any more. */
  dismiss(): void {
    this.#close();
  }

  async #submit(): Promise<void> {
    const fault = this.#fault();
    if (fault !== undefined) {
      this.#complain(fault.text, fault.field);
      return;
    }
    this.#button.disabled = true;
    try {
      await this.#send();
      this.#close();
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#button.disabled = this.#timer !== undefined;
    }
  }

  #fault(): { readonly text: string; readonly field: HTMLInputElement } | undefined {
    if (this.#login.value.trim() === '') {
      return { text: 'Type your login.', field: this.#login };
    }
    if (this.#password.value === '') {
      return { text: 'Type your password.', field: this.#password };
    }
    if (this.#reason === 'first' && this.#password.value !== this.#repeated.value) {
      return { text: 'The two passwords are not the same.', field: this.#repeated };
    }
    return undefined;
  }

  async #send(): Promise<void> {
    const account = { login: this.#login.value.trim(), password: this.#password.value };
    if (this.#reason === 'first') {
      await this.#client.send('auth.bootstrap', account);
      return;
    }
    const code = this.#code.value.replace(/\s/g, '');
    const proof = this.#isByRecovery ? { recoveryCode: code } : { mfaCode: code };
    await this.#client.send('auth.login', { ...account, ...(code === '' ? {} : proof) });
  }

  #refused(error: unknown): void {
    if (!(error instanceof BackendError)) {
      this.#complain('Something went wrong in this window.');
    } else if (error.symbol === 'MFA_REQUIRED') {
      this.#complain('');
      this.#askForCode(this.#isByRecovery);
    } else if (error.symbol === 'UNAUTHENTICATED') {
      const isWithCode = !find('mfa-field', HTMLElement).hidden;
      const what = isWithCode ? 'Login, password or code' : 'Login and password';
      this.#complain(`${what} do not fit.`, this.#password);
      this.#password.select();
    } else if (error.retryAfterMs !== undefined) {
      this.#hold(error.message, Date.now() + error.retryAfterMs);
    } else {
      this.#complain(reasonsOf(error), this.#password);
    }
  }

  #askForCode(isByRecovery: boolean): void {
    this.#isByRecovery = isByRecovery;
    find('mfa-field', HTMLElement).hidden = false;
    find('mfa-label', HTMLLabelElement).textContent = isByRecovery
      ? 'Recovery code'
      : 'Code from your authenticator';
    find('sign-in-recovery', HTMLButtonElement).textContent = isByRecovery
      ? 'Use the authenticator'
      : 'Use a recovery code';
    this.#code.inputMode = isByRecovery ? 'text' : 'numeric';
    this.#code.value = '';
    this.#code.focus();
  }

  /** Count down to the next try. */
  #hold(text: string, untilMs: number): void {
    const leftSeconds = Math.ceil((untilMs - Date.now()) / 1_000);
    if (leftSeconds <= 0) {
      this.#timer = undefined;
      this.#button.disabled = false;
      this.#complain('');
      return;
    }
    this.#complain(`${text} Next try in ${leftSeconds} s.`);
    this.#button.disabled = true;
    this.#timer = window.setTimeout(() => this.#hold(text, untilMs), 1_000);
  }

  #complain(text: string, field?: HTMLInputElement): void {
    this.#error.textContent = text;
    this.#error.hidden = text === '';
    for (const input of [this.#login, this.#password, this.#repeated, this.#code]) {
      input.setAttribute('aria-invalid', String(input === field));
    }
    field?.focus();
  }

  #close(): void {
    // The login stays for the next time, the secrets do not.
    for (const secret of [this.#password, this.#repeated, this.#code]) {
      secret.value = '';
    }
    this.#isByRecovery = false;
    this.#dialog.close();
    this.#done();
  }
}

/** What the backend says about single fields, else of the whole. */
/** What the contract tells of a new password before the backend is asked, in its words. */
const tooShort = 'It needs 12 characters or more; a sentence does well.';

function reasonsOf(error: BackendError): string {
  const errors: unknown = error.details?.['errors'];
  const messages = (Array.isArray(errors) ? errors : []).map((one: unknown) => {
    if (typeof one !== 'object' || one === null) return '';
    const isTooShort = Reflect.get(one, 'rule') === 'string_too_short';
    return String(Reflect.get(one, 'message') ?? (isTooShort ? tooShort : ''));
  });
  return messages.join(' ') || `${error.message} ${adviceFor(error)}`;
}
