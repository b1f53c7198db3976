/** Who is signed in at the mirror: tokens in memory alone, renewed when they are over; knows no DOM. */

import { isJsonObject } from '../../../src/shared/json';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Read the tokens of an answer of auth.login or auth.refresh. */
export function tokensOf(answer: unknown): Tokens | undefined {
  if (!isJsonObject(answer)) {
    return undefined;
  }
  const { accessToken, refreshToken } = answer;
  return typeof accessToken === 'string' && typeof refreshToken === 'string'
    ? { accessToken, refreshToken }
    : undefined;
}

/** Requests to one mirror, under one name. */
export class MirrorSession {
  readonly #origin: string;
  #tokens: Tokens | undefined;
  #renewing: Promise<boolean> | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get isSignedIn(): boolean {
    return this.#tokens !== undefined;
  }

  keep(tokens: Tokens): void {
    this.#tokens = tokens;
  }

  forget(): void {
    this.#tokens = undefined;
  }

  /**
   * Fetch *path*; a token that is over is renewed once.
   *
   * Status 401 says that nothing was executed, so the request can be sent again.
   *
   * @throws TypeError: there was no answer.
   */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const used = this.#tokens;
    const response = await this.#ask(path, init);
    if (response.status !== 401 || used === undefined) {
      return response;
    }
    // Another request may have renewed it meanwhile.
    const isNew = this.#tokens !== used || (await this.#renew(used));
    return isNew && this.#tokens !== undefined ? this.#ask(path, init) : response;
  }

  #ask(path: string, init: RequestInit): Promise<Response> {
    const token = this.#tokens?.accessToken;
    return fetch(this.#origin + path, {
      credentials: 'omit',
      redirect: 'error',
      ...init,
      headers: {
        ...init.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
  }

  /** A refresh token is good once: whoever wants one waits for the same. */
  #renew(old: Tokens): Promise<boolean> {
    this.#renewing ??= this.#exchange(old).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #exchange({ refreshToken }: Tokens): Promise<boolean> {
    const response = await fetch(`${this.#origin}/api/auth.refresh`, {
      method: 'POST',
      credentials: 'omit',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken }),
    });
    if (response.status >= 500 || response.status === 429) {
      // It cannot say now; the token is as good as before.
      return false;
    }
    const answer: unknown = await response.json();
    if (this.#tokens?.refreshToken !== refreshToken) {
      // Who signed out meanwhile, or in as somebody else, is not made the old one again.
      return this.#tokens !== undefined;
    }
    this.#tokens = tokensOf(isJsonObject(answer) ? answer['data'] : undefined);
    return this.#tokens !== undefined;
  }
}
