/** The calls of one client: named, so that they can be given up and heard of. */

import { BackendError } from '../shared/errors';
import type { Envelope, SchoolPort } from '../shared/ipc';
import { isJsonObject } from '../shared/json';
import type { CallMeta, ProgressValue } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import type { SendOptions } from './index';

type Listener = (value: ProgressValue) => void;

// The backend takes no longer limit; beyond it the shim's own must do.
const maxBackendTimeoutMs = 120_000;
// The backend keeps its limit and says what came of it; this is for one that says nothing.
const backstopMs = 1_000;
// Of jobs beyond these the oldest go unheard, as in the main process.
const maxListeners = 64;

export class Calls {
  readonly #port: SchoolPort;
  /** Clients of one page do not share their ids. */
  readonly #name = Math.random().toString(36).slice(2);
  readonly #listeners = new Map<string, Listener>();
  #last = 0;
  #isHearing = false;

  constructor(port: SchoolPort) {
    this.#port = port;
  }

  /** Call *channel*. @throws BackendError */
  async send(channel: string, params: object, options: SendOptions = {}): Promise<unknown> {
    const { signal, onProgress, ...meta } = options;
    if (signal?.aborted === true) {
      throw shimError('CALL_CANCELLED');
    }
    this.#last += 1;
    const id = `${this.#name}-${this.#last}`;
    this.#listen(id, onProgress);
    const cancel = (): void => this.#port.cancel(id);
    signal?.addEventListener('abort', cancel);
    let isJob = false;
    try {
      const own = { id, ...limitOf(meta), wantsProgress: onProgress !== undefined };
      const result = await ask(() => this.#port.send(channel, withMeta(params, meta), own));
      isJob = isJsonObject(result) && typeof result['jobId'] === 'string';
      return result;
    } finally {
      signal?.removeEventListener('abort', cancel);
      // A job goes on behind its reply, and tells its end.
      if (!isJob) {
        this.#listeners.delete(id);
      }
    }
  }

  #listen(id: string, onProgress: Listener | undefined): void {
    if (onProgress === undefined) {
      return;
    }
    this.#hear();
    this.#listeners.set(id, onProgress);
    const [oldest] = this.#listeners.keys();
    if (this.#listeners.size > maxListeners && oldest !== undefined) {
      this.#listeners.delete(oldest);
    }
  }

  #hear(): void {
    if (this.#isHearing) {
      return;
    }
    this.#isHearing = true;
    this.#port.onProgress((id, value) => {
      const listener = this.#listeners.get(id);
      if (value.kind === 'end') {
        this.#listeners.delete(id);
      }
      listener?.(value);
    });
  }
}

function withMeta(params: object, meta: CallMeta): object {
  const { timeoutMs, ...rest } = meta;
  const isTold = typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxBackendTimeoutMs;
  const told = isTold ? { ...rest, timeoutMs } : rest;
  return Object.keys(told).length === 0 ? params : { ...params, _meta: told };
}

function limitOf({ timeoutMs }: CallMeta): { readonly timeoutMs?: number } {
  if (typeof timeoutMs !== 'number') {
    return {};
  }
  return { timeoutMs: timeoutMs === 0 ? 0 : timeoutMs + backstopMs };
}

/**
 * Have a result out of its envelope.
 *
 * @throws BackendError the error in it; PARAMS_REFUSED, BACKEND_STOPPED when Electron carries none:
 * what is asked cannot be cloned, or the main process has disposed of its bridge.
 */
export async function ask<R>(invoke: () => Promise<Envelope<R>>): Promise<R> {
  let envelope: Envelope<R>;
  try {
    envelope = await invoke();
  } catch (error) {
    const isUncloneable = String(error).includes('could not be cloned');
    throw shimError(isUncloneable ? 'PARAMS_REFUSED' : 'BACKEND_STOPPED');
  }
  if (envelope.ok) {
    return envelope.result;
  }
  throw new BackendError(envelope.error);
}
