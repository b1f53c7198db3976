/** One call under way: its deadline, its cancellation, and what its failure means. */

import { CancellationTokenSource, ResponseError } from 'vscode-jsonrpc/node';
import { type BackendError, readErrorObject } from '../shared/errors';
import { isJsonObject, type JsonObject } from '../shared/json';
import type { CallMeta, ProgressValue } from '../shared/protocol';
import { asBackendError, shimError } from '../shared/shimErrors';
import { monotonicMs } from './clock';

/** The part of AbortSignal that is needed; Electron 9 has none, so any look-alike does. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface CallOptions {
  /** Limit of this call; progress starts it anew; 0 is none. */
  readonly timeoutMs?: number;
  readonly signal?: CancelSignal;
  readonly onProgress?: (value: ProgressValue) => void;
  readonly meta?: CallMeta;
}

export interface CallLimits {
  readonly timeoutMs: number;
  /** No call takes longer, whatever progress it makes; its own limit, if that is longer. */
  readonly maxMs: number;
  /** How long a cancelled call may still answer before it counts as unanswered. */
  readonly cancelGraceMs: number;
}

export type SendRequest = (source: CancellationTokenSource) => Promise<unknown>;

/**
 * Settle exactly once: by the reply, or after a cancellation by the end of the grace time.
 *
 * A cancelled call still gets one reply (protocol.md section 2), and that reply tells whether
 * it took effect; only without it the outcome is unknown.
 */
export class PendingCall {
  readonly #limits: CallLimits;
  readonly #signal: CancelSignal | undefined;
  readonly #source = new CancellationTokenSource();
  readonly #onAbort = (): void => this.#cancel('CALL_CANCELLED');
  #cancelled: 'CALL_TIMEOUT' | 'CALL_CANCELLED' | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #giveUp: (error: BackendError) => void = () => undefined;

  constructor(limits: CallLimits, signal: CancelSignal | undefined) {
    this.#limits = limits;
    this.#signal = signal;
  }

  /** Send and wait. @throws BackendError always, nothing else. */
  async run(send: SendRequest): Promise<JsonObject> {
    if (this.#signal?.aborted === true) {
      throw shimError('CALL_CANCELLED');
    }
    this.#signal?.addEventListener('abort', this.#onAbort);
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
    });
    this.#startedMs = monotonicMs();
    this.progressed();
    try {
      return requireObject(await Promise.race([send(this.#source), givenUp]));
    } catch (error) {
      throw this.#explain(error);
    } finally {
      clearTimeout(this.#timer);
      this.#signal?.removeEventListener('abort', this.#onAbort);
      this.#source.dispose();
    }
  }

  /** Start the deadline anew: the backend is at work. */
  progressed(): void {
    if (this.#cancelled !== undefined || this.#limits.timeoutMs === 0) {
      return;
    }
    const { timeoutMs, maxMs } = this.#limits;
    const leftMs = Math.max(maxMs, timeoutMs) - (monotonicMs() - this.#startedMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cancel('CALL_TIMEOUT'), Math.min(timeoutMs, leftMs));
  }

  #cancel(why: 'CALL_TIMEOUT' | 'CALL_CANCELLED'): void {
    if (this.#cancelled !== undefined) {
      return;
    }
    this.#cancelled = why;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#giveUp(shimError(why, { outcome: 'unknown' })),
      this.#limits.cancelGraceMs,
    );
    this.#source.cancel();
  }

  #explain(error: unknown): BackendError {
    const failure =
      error instanceof ResponseError
        ? readErrorObject(error.code, error.message, error.data)
        : asBackendError(error);
    return failure.symbol === 'REQUEST_CANCELLED' && this.#cancelled !== undefined
      ? shimError(this.#cancelled, { outcome: failure.outcome })
      : failure;
  }
}

/**
 * Wait for *promise* as long as a call may: `timeoutMs` (0 is no limit), until *signal* aborts.
 *
 * @throws BackendError CALL_TIMEOUT, CALL_CANCELLED; nothing was sent. Else what *promise* throws.
 */
export async function waitWithin<T>(
  promise: Promise<T> | undefined,
  timeoutMs: number,
  signal: CancelSignal | undefined,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    onAbort = () => reject(shimError('CALL_CANCELLED'));
    if (timeoutMs !== 0) {
      timer = setTimeout(() => reject(shimError('CALL_TIMEOUT')), timeoutMs);
    }
  });
  if (signal?.aborted === true) {
    onAbort();
  }
  signal?.addEventListener('abort', onAbort);
  try {
    return await Promise.race([givenUp, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Accept a result. @throws BackendError REPLY_MALFORMED: it is no object. */
export function requireObject(result: unknown): JsonObject {
  if (!isJsonObject(result)) {
    throw shimError('REPLY_MALFORMED', { outcome: 'unknown' });
  }
  return result;
}
