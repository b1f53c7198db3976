/**
 * The calls of the mirror, by fetch. Tokens stay in this object's private members: nothing of them is
 * in a cookie, in a storage or in the document.
 */

/**
 * @typedef {object} Failure The ErrorResponse of the contract.
 * @property {string} code
 * @property {string} message
 * @property {string} type
 * @property {Record<string, any>} [details]
 * @property {number} [timestamp]
 * @property {boolean} retryable
 * @property {number} [retryAfterMs]
 * @property {string} outcome
 * @property {string} [correlationId]
 */

/**
 * @typedef {object} Reply
 * @property {number} status Of HTTP; 0 when there was no answer.
 * @property {number} ms
 * @property {any} data
 * @property {Failure | null} error
 * @property {number} bytes Of the answer, unpacked.
 */

/** @typedef {{idempotencyKey?: string, dryRun?: boolean, signal?: AbortSignal}} How */

const NOBODY = ['UNAUTHENTICATED', 'SESSION_EXPIRED'];
const EARLY_MS = 20_000;

export class Api {
  #access = '';
  #refresh = '';
  #key = '';
  #expiresMs = Infinity;
  /** Grows with each user: what was asked for one is never asked again for the next. */
  #turn = 0;
  /** What came of it: null when all is well. @type {Promise<Failure | null> | null} */
  #renewing = null;

  /** @param {() => void} lost Hears that the session is over. */
  constructor(lost) {
    this.lost = lost;
  }

  get isSignedIn() {
    return this.#access !== '' || this.#key !== '';
  }

  /**
   * Sign in with a password.
   *
   * @param {Record<string, string>} proof Login, password, perhaps a code.
   */
  async signIn(proof) {
    const reply = await this.#post('auth.login', { ...proof, client: 'console' }, {}, {});
    if (!reply.error) {
      this.#forget();
      this.#keep(reply.data);
    }
    return reply;
  }

  /** @param {string} key An API key; the first call shows whether it is good. */
  useKey(key) {
    this.#forget();
    this.#key = key;
  }

  /** Forget who is signed in, at once, and end the session at the backend. */
  async signOut() {
    const who = this.#access ? this.#who() : null;
    this.#forget();
    if (who) await this.#post('auth.logout', {}, {}, who);
  }

  /**
   * Call a channel. Never throws: what went wrong stands in the reply.
   *
   * @param {string} channel
   * @param {Record<string, unknown>} params
   * @param {How} how
   * @returns {Promise<Reply>}
   */
  async call(channel, params, how = {}) {
    const turn = this.#turn;
    if (this.#isLate) await this.#renew();
    const reply = await this.#post(channel, params, how);
    if (!reply.error || !NOBODY.includes(reply.error.code) || turn !== this.#turn) return reply;
    // Such a refusal says that nothing was executed.
    const refusal = await this.#renew();
    if (refusal === null) return this.#post(channel, params, how);
    // Whoever cannot say now whether the session lasts has not ended it.
    return this.#loseFor(refusal) ? reply : { ...reply, error: { ...refusal, outcome: 'none' } };
  }

  /**
   * Fetch a page of the mirror; a session that is over is renewed once.
   *
   * @param {string} path
   * @param {RequestInit & {headers?: Record<string, string>}} [init]
   */
  async get(path, init = {}) {
    const ask = () =>
      fetch(path, { ...SAME, ...init, headers: { ...init.headers, ...this.#who() } });
    const turn = this.#turn;
    if (this.#isLate) await this.#renew();
    const response = await ask();
    if (response.status !== 401 || turn !== this.#turn) return response;
    const refusal = await this.#renew();
    if (refusal === null) return ask();
    if (!this.#loseFor(refusal)) throw new TypeError(refusal.message);
    return response;
  }

  get #isLate() {
    return this.#refresh !== '' && Date.now() > this.#expiresMs - EARLY_MS;
  }

  /** @type {(channel: string, params: Record<string, unknown>, how: How, who?: Record<string, string>) => Promise<Reply>} */
  async #post(channel, params, { idempotencyKey, dryRun, signal }, who = this.#who()) {
    /** @type {Record<string, string>} */
    const headers = { 'Content-Type': 'application/json', ...who };
    if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;
    const body = JSON.stringify(dryRun ? { ...params, _meta: { dryRun: true } } : params);
    const began = performance.now();
    const since = () => performance.now() - began;
    try {
      const init = { ...SAME, method: 'POST', headers, body, signal: signal ?? null };
      const response = await fetch(`/api/${encodeURIComponent(channel)}`, init);
      const text = await response.text();
      return { ...read(response, text), ms: since(), bytes: text.length };
    } catch (error) {
      const isGivenUp = signal?.aborted === true;
      const told = isGivenUp ? failure('GIVEN_UP') : failure('NO_ANSWER', String(error));
      return { status: 0, data: null, error: told, ms: since(), bytes: 0 };
    }
  }

  /** @returns {Record<string, string>} */
  #who() {
    if (this.#key) return { 'X-API-Key': this.#key };
    return this.#access ? { Authorization: `Bearer ${this.#access}` } : {};
  }

  /** Exchange the refresh token; it is good once, so all who want it wait for the same. */
  #renew() {
    this.#renewing ??= this.#exchange().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #exchange() {
    const refreshToken = this.#refresh;
    if (!refreshToken) return failure('SESSION_EXPIRED');
    const { error, data } = await this.#post('auth.refresh', { refreshToken }, {}, {});
    // Who signed out meanwhile, or in as somebody else, is not made the old one again.
    if (this.#refresh !== refreshToken) return failure('GIVEN_UP');
    if (!error) this.#keep(data);
    return error;
  }

  /** @param {{accessToken: string, refreshToken: string, expiresAt: string}} signedIn */
  #keep({ accessToken, refreshToken, expiresAt }) {
    [this.#access, this.#refresh] = [accessToken, refreshToken];
    this.#expiresMs = Date.parse(expiresAt);
  }

  #forget() {
    this.#access = this.#refresh = this.#key = '';
    this.#expiresMs = Infinity;
    this.#turn += 1;
  }

  /** Forget the session if it is over by that refusal; tells whether it is. @param {Failure} refusal */
  #loseFor(refusal) {
    if (!NOBODY.includes(refusal.code)) return false;
    this.#forget();
    this.lost();
    return true;
  }
}

/** @type {RequestInit} */
const SAME = {
  credentials: 'omit',
  cache: 'no-store',
  redirect: 'error',
  referrerPolicy: 'no-referrer',
};

/** @type {(response: Response, text: string) => {status: number, data: any, error: Failure | null}} */
function read(response, text) {
  const { status } = response;
  try {
    const { data, error } = JSON.parse(text);
    return { status, data, error: error ?? (response.ok ? null : failure('NO_ANSWER', text)) };
  } catch {
    return {
      status,
      data: null,
      error: failure('NO_ANSWER', `HTTP ${status}: ${text.slice(0, 200)}`),
    };
  }
}

const OWN = {
  NO_ANSWER: 'The backend gave no answer that can be read.',
  SESSION_EXPIRED: 'The session is over.',
  GIVEN_UP: 'You gave the call up; whether it took effect is not known.',
};

/** @type {(code: keyof typeof OWN, reason?: string) => Failure} */
function failure(code, reason) {
  const details = reason === undefined ? {} : { details: { reason } };
  return {
    code,
    message: OWN[code],
    type: 'network',
    retryable: true,
    outcome: 'unknown',
    ...details,
  };
}
