/** Keeps whoever signed in signed in over restarts of the backend; no token reaches a window. */

import {
  BackendError,
  type Channel,
  type IPCChannel,
  type ParamsOf,
  type ResultOf,
  rpcChannel,
  type Send,
} from '../../src/main';

type PassedOn<C extends Channel> = IPCChannel<ParamsOf<C>, ResultOf<C>>;

/** The session of this desk: all its windows share one connection, so they share it too. */
export class DeskSession {
  readonly #otherUser: () => void;
  #userId: string | undefined;
  #refreshToken: string | undefined;

  /** *otherUser* is called when what the windows show is not for who is there now. */
  constructor(otherUser: () => void) {
    this.#otherUser = otherUser;
  }

  /** Make a channel that signs in: its answer reaches the window without the tokens. */
  signsIn(name: 'auth.bootstrap' | 'auth.login'): PassedOn<typeof name> {
    return {
      ...rpcChannel(name),
      handler: async (params, ctx) => {
        const answer = await ctx.send(name, params);
        this.#refreshToken = answer.refreshToken;
        const isOther = this.#userId !== undefined && this.#userId !== answer.user.id;
        this.#userId = answer.user.id;
        if (isOther) {
          this.#otherUser();
        }
        return { ...answer, accessToken: '', refreshToken: '' };
      },
    };
  }

  /** Make the channel that signs out. */
  signsOut(): PassedOn<'auth.logout'> {
    return {
      ...rpcChannel('auth.logout'),
      handler: async (params, ctx) => {
        this.#refreshToken = undefined;
        this.#userId = undefined;
        try {
          return await ctx.send('auth.logout', params);
        } finally {
          this.#otherUser();
        }
      },
    };
  }

  /** Sign a backend that started anew in again, before anybody else calls it. */
  async resume(send: Send): Promise<void> {
    const refreshToken = this.#refreshToken;
    if (refreshToken === undefined) {
      return;
    }
    try {
      const next = await send('auth.refresh', { refreshToken });
      this.#refreshToken = next.refreshToken;
    } catch (error) {
      // A backend that ended again keeps the token good; a refusal asks for a new login.
      if (error instanceof BackendError && error.type === 'business') {
        this.#refreshToken = undefined;
      }
    }
  }
}
