/** The one error class of the shim, and how it crosses process borders. */

import { isJsonObject, type JsonObject } from './json';

export type ErrorType = 'network' | 'validation' | 'business' | 'system';

/** Whether a failed call took effect; `unknown` asks for the same idempotency key again. */
export type Outcome = 'none' | 'committed' | 'unknown';

/** Everything a caller can know about a failed call, as plain data. */
export interface Failure {
  readonly code: number;
  readonly symbol: string;
  readonly type: ErrorType;
  readonly message: string;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly details?: JsonObject;
  readonly retryAfterMs?: number;
  readonly correlationId?: string;
}

const brand = Symbol.for('electron-shim.BackendError');

/** A call or a life-cycle step that failed, told apart by `symbol`. */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly [brand] = true;
  readonly code: number;
  readonly symbol: string;
  readonly type: ErrorType;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly details: JsonObject | undefined;
  readonly retryAfterMs: number | undefined;
  readonly correlationId: string | undefined;

  constructor(failure: Failure) {
    super(failure.message);
    this.code = failure.code;
    this.symbol = failure.symbol;
    this.type = failure.type;
    this.retryable = failure.retryable;
    this.outcome = failure.outcome;
    this.details = failure.details;
    this.retryAfterMs = failure.retryAfterMs;
    this.correlationId = failure.correlationId;
  }

  /** Each bundle has a class of its own: an error of `./testing` is one for the main process too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
  }

  /** Return the plain data that `new BackendError` takes: only this survives Electron's IPC. */
  toFailure(): Failure {
    return {
      code: this.code,
      symbol: this.symbol,
      type: this.type,
      message: this.message,
      retryable: this.retryable,
      outcome: this.outcome,
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      ...(this.correlationId === undefined ? {} : { correlationId: this.correlationId }),
    };
  }
}

/**
 * Read the error object of a JSON-RPC reply (protocol.md section 5).
 *
 * A reply without `data`, from a foreign or broken server, becomes INTERNAL_ERROR with its code kept.
 */
export function readErrorObject(code: number, message: string, data: unknown): BackendError {
  const fields = isJsonObject(data) ? data : {};
  return new BackendError({
    code,
    symbol: textOf(fields['code']) ?? 'INTERNAL_ERROR',
    type: errorTypes.find((known) => known === fields['type']) ?? 'system',
    message: textOf(fields['message']) ?? message,
    retryable: fields['retryable'] === true,
    outcome: outcomes.find((known) => known === fields['outcome']) ?? 'unknown',
    ...(isJsonObject(fields['details']) ? { details: fields['details'] } : {}),
    ...(typeof fields['retryAfterMs'] === 'number' ? { retryAfterMs: fields['retryAfterMs'] } : {}),
    ...(typeof fields['correlationId'] === 'string'
      ? { correlationId: fields['correlationId'] }
      : {}),
  });
}

const errorTypes: readonly ErrorType[] = ['network', 'validation', 'business', 'system'];
const outcomes: readonly Outcome[] = ['none', 'committed', 'unknown'];

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
