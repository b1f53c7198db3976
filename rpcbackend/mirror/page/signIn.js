/** The sign-in: a password, perhaps with a code, or an API key. */

/** @typedef {import('./api.js').Api} Api */

const WRONG = 'Login and password do not fit, or the code.';

const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));

export class SignIn {
  #isByKey = false;
  #isByRecovery = false;
  /** @type {number | undefined} */
  #timer;

  /** @param {Api} api @param {() => Promise<string>} entered Opens the console; returns why it cannot. */
  constructor(api, entered) {
    this.api = api;
    this.entered = entered;
    byId('by-password').addEventListener('click', () => this.#turn(false));
    byId('by-key').addEventListener('click', () => this.#turn(true));
    byId('by-recovery').addEventListener('click', () => this.#askForCode(!this.#isByRecovery));
    byId('sign-in').addEventListener('submit', (event) => {
      event.preventDefault();
      if (!field('sign-in-button').disabled) void this.#submit();
    });
  }

  /** @param {string} why Why somebody is asked; empty the first time. */
  show(why) {
    if (why) byId('sign-in-why').textContent = why;
    byId('code-field').hidden = true;
    this.#isByRecovery = false;
    this.#complain('');
    const first = this.#isByKey ? 'key' : field('login').value ? 'password' : 'login';
    byId(first).focus();
  }

  async #submit() {
    const empty = (this.#isByKey ? ['key'] : ['login', 'password']).find((id) => !field(id).value);
    if (empty) {
      this.#complain('Something is missing here.', empty);
      return;
    }
    field('sign-in-button').disabled = true;
    this.#complain('');
    const refusal = this.#isByKey ? await this.#enterByKey() : await this.#enterByPassword();
    if (this.#timer === undefined) field('sign-in-button').disabled = false;
    if (refusal) this.#complain(refusal, this.#isByKey ? 'key' : 'password');
  }

  async #enterByKey() {
    this.api.useKey(field('key').value.trim());
    const refusal = await this.entered();
    if (refusal === '') this.#forget();
    return refusal;
  }

  /** Returns what is to be said, if anything is. */
  async #enterByPassword() {
    const code = field('code').value.replace(/\s/g, '');
    const proof = this.#isByRecovery ? { recoveryCode: code } : { mfaCode: code };
    const account = { login: field('login').value.trim(), password: field('password').value };
    const { error } = await this.api.signIn({ ...account, ...(code ? proof : {}) });
    if (!error) {
      this.#forget();
      return this.entered();
    }
    if (error.code === 'MFA_REQUIRED') {
      this.#askForCode(this.#isByRecovery);
      return '';
    }
    if (error.retryAfterMs) this.#hold(Date.now() + error.retryAfterMs);
    return error.code === 'UNAUTHENTICATED' ? WRONG : error.message;
  }

  /** @param {boolean} isByKey */
  #turn(isByKey) {
    this.#isByKey = isByKey;
    byId('password-fields').hidden = isByKey;
    byId('key-field').hidden = !isByKey;
    byId('by-password').setAttribute('aria-pressed', String(!isByKey));
    byId('by-key').setAttribute('aria-pressed', String(isByKey));
    this.#complain('');
    byId(isByKey ? 'key' : 'login').focus();
  }

  /** @param {boolean} isByRecovery */
  #askForCode(isByRecovery) {
    this.#isByRecovery = isByRecovery;
    byId('code-field').hidden = false;
    byId('code-label').textContent = isByRecovery
      ? 'Recovery code'
      : 'Code from your authenticator';
    byId('by-recovery').textContent = isByRecovery
      ? 'Use the authenticator'
      : 'Use a recovery code';
    field('code').inputMode = isByRecovery ? 'text' : 'numeric';
    field('code').value = '';
    field('code').focus();
  }

  /** Count down to the next try, on the button: whoever hears the page is told once. @param {number} untilMs */
  #hold(untilMs) {
    const left = Math.ceil((untilMs - Date.now()) / 1_000);
    field('sign-in-button').disabled = left > 0;
    byId('sign-in-button').textContent = left > 0 ? `Again in ${left} s` : 'Sign in';
    this.#timer = left > 0 ? window.setTimeout(() => this.#hold(untilMs), 1_000) : undefined;
    if (left <= 0) this.#complain('');
  }

  /** @type {(text: string, id?: string) => void} */
  #complain(text, id) {
    const error = byId('sign-in-error');
    error.textContent = text;
    error.hidden = text === '';
    for (const each of ['login', 'password', 'code', 'key']) {
      if (each === id && text) field(each).setAttribute('aria-invalid', 'true');
      else field(each).removeAttribute('aria-invalid');
    }
    if (id && text) field(id).focus();
  }

  #forget() {
    for (const id of ['password', 'code', 'key']) field(id).value = '';
  }
}
