/** A client behind which nobody has to think of sign-in or of keeping a record; knows no DOM. */

import {
  BackendError,
  type CallMeta,
  type Channel,
  type ParamsOf,
  type ResultOf,
  type SchoolClient,
} from '../../../src/renderer';

export interface Guards {
  /** Settles when somebody is signed in again. */
  readonly signIn: (symbol: string) => Promise<void>;
  readonly failed: (channel: string, error: unknown) => void;
}

const wantsSignIn: readonly string[] = ['UNAUTHENTICATED', 'SESSION_EXPIRED'];

/**
 * Return *client* with calls that outlast a session.
 *
 * A call that wants somebody signed in waits until somebody is, and is then sent again: such a
 * refusal says that nothing was executed.
 */
export function guard(client: SchoolClient, { signIn, failed }: Guards): SchoolClient {
  const send = async <C extends Channel>(
    channel: C,
    params: ParamsOf<C>,
    meta?: CallMeta,
  ): Promise<ResultOf<C>> => {
    try {
      return await client.send(channel, params, meta);
    } catch (error) {
      if (!(error instanceof BackendError) || !wantsSignIn.includes(error.symbol)) {
        failed(channel, error);
        throw error;
      }
      await signIn(error.symbol);
      return send(channel, params, meta);
    }
  };
  return { ...client, send };
}
