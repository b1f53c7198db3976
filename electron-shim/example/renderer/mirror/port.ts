/** The port of a window to a backend behind the HTTP mirror; knows no DOM. */

import { BackendError, readErrorObject } from '../../../src/shared/errors';
import type { Envelope, PortOptions, SchoolPort } from '../../../src/shared/ipc';
import { isJsonObject, type JsonObject } from '../../../src/shared/json';
import { shimError } from '../../../src/shared/shimErrors';
import { passedOn } from '../../main/channels';
import { EventFeed } from './feed';
import { Health } from './health';
import { MirrorSession, tokensOf } from './session';

type Listener = (payload: unknown) => void;

/** What the app itself would answer; a browser has no windows to open. */
const about = {
  kind: 'desk',
  channels: ['app.about', 'app.diagnostics', 'auth.login', 'auth.logout', ...passedOn],
};

/** The port of a window, which a page never has to close. */
export interface MirrorPort extends SchoolPort {
  close(): void;
}

/** Open a port to the mirror at *origin*: the same calls, errors and events as over Electron. */
export function openMirrorPort(origin: string): MirrorPort {
  const session = new MirrorSession(origin);
  const health = new Health(origin);
  const listeners = new Map<string, Set<Listener>>();
  const tell = (topic: unknown, payload: unknown): void => {
    for (const listener of listeners.get(String(topic)) ?? []) {
      listener(payload);
    }
  };
  const heard = (event: JsonObject): void => {
    tell('event', event);
    tell(event['type'], event);
  };
  const feed = new EventFeed(session, heard, () => void health.check());
  const calls = new Calls(session, () => void health.check());
  void health.check();
  return {
    send: async (channel, params, options = {}) => {
      const answer = await enveloped(() => ask(calls, channel, params, options));
      return signing(answer, channel, session, feed);
    },
    cancel: (id) => calls.giveUp(id),
    receive: (topic, callback) => {
      const those = listeners.get(topic) ?? new Set();
      listeners.set(topic, those.add(callback));
      return () => those.delete(callback);
    },
    status: async () => ({ ok: true, result: health.status }),
    onStatus: (callback) => health.onStatus(callback),
    // Only a connection that stays can be told of it.
    onProgress: () => () => undefined,
    close: () => {
      feed.stop();
      health.close();
    },
  };
}

function ask(
  calls: Calls,
  channel: string,
  params: unknown,
  options: PortOptions,
): Promise<unknown> {
  if (!channel.startsWith('app.')) {
    return calls.send(channel, params, options);
  }
  const answers: Readonly<Record<string, unknown>> = {
    'app.about': about,
    'app.diagnostics': { log: '', report: '' },
  };
  const answer = answers[channel];
  return answer === undefined
    ? Promise.reject(shimError('CHANNEL_REFUSED'))
    : Promise.resolve(answer);
}

/** Tokens stay here, as in Electron's main process: a window is answered without them. */
function signing(
  answer: Envelope<unknown>,
  channel: string,
  session: MirrorSession,
  feed: EventFeed,
): Envelope<unknown> {
  if (channel === 'auth.logout') {
    session.forget();
    feed.stop();
    return answer;
  }
  const tokens = answer.ok && channel === 'auth.login' ? tokensOf(answer.result) : undefined;
  if (!answer.ok || tokens === undefined) {
    return answer;
  }
  session.keep(tokens);
  feed.start();
  const shown = isJsonObject(answer.result) ? answer.result : {};
  return { ok: true, result: { ...shown, accessToken: '', refreshToken: '' } };
}

async function enveloped(call: () => Promise<unknown>): Promise<Envelope<unknown>> {
  try {
    return { ok: true, result: await call() };
  } catch (error) {
    const known = error instanceof BackendError ? error : shimError('REPLY_MALFORMED');
    return { ok: false, error: known.toFailure() };
  }
}

/** The calls that are under way, by the names that the window gave them. */
class Calls {
  readonly #session: MirrorSession;
  readonly #lost: () => void;
  readonly #running = new Map<string, AbortController>();

  constructor(session: MirrorSession, lost: () => void) {
    this.#session = session;
    this.#lost = lost;
  }

  giveUp(id: string): void {
    this.#running.get(id)?.abort();
  }

  /** Call *channel*. @throws BackendError */
  async send(channel: string, params: unknown, options: PortOptions): Promise<unknown> {
    const { id = '', timeoutMs = 0 } = options;
    const running = new AbortController();
    this.#running.set(id, running);
    let isLate = false;
    const late = (): void => {
      isLate = true;
      running.abort();
    };
    const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
    try {
      return await this.#exchange(channel, params, running.signal);
    } catch (error) {
      if (error instanceof BackendError) {
        throw error;
      }
      // Whether it was executed before nobody listened any more, nobody knows.
      throw this.#silence(running.signal.aborted, isLate);
    } finally {
      clearTimeout(timer);
      this.#running.delete(id);
    }
  }

  #silence(isGivenUp: boolean, isLate: boolean): BackendError {
    if (isGivenUp) {
      return shimError(isLate ? 'CALL_TIMEOUT' : 'CALL_CANCELLED', { outcome: 'unknown' });
    }
    this.#lost();
    return shimError('BACKEND_LOST', { outcome: 'unknown' });
  }

  async #exchange(channel: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const response = await this.#session.fetch('/rpc', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: channel, params }),
      signal,
    });
    const reply: unknown = await response.json();
    if (!isJsonObject(reply)) {
      throw shimError('REPLY_MALFORMED', { outcome: 'unknown' });
    }
    const { result, error } = reply;
    if (!isJsonObject(error)) {
      return result;
    }
    // What is refused before it is a call is told without JSON-RPC: the status stands for its code.
    const isPlain = typeof error['code'] === 'string';
    const code = isPlain ? response.status : Number(error['code']);
    throw readErrorObject(code, String(error['message']), isPlain ? error : error['data']);
  }
}
