/** What every call took and came to; never what was in it. */

import { asBackendError } from '../shared/shimErrors';
import { monotonicMs } from './clock';

/** One finished call. */
export interface CallTrace {
  readonly channel: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** `ok`, or the symbol of the error. */
  readonly outcome: string;
}

/** A call that is not done after `slowCallMs`. */
export interface SlowCall {
  readonly channel: string;
  readonly elapsedMs: number;
}

export interface TraceObserver {
  finished(trace: CallTrace): void;
  isSlow(call: SlowCall): void;
}

/** Time calls. */
export class Tracer {
  readonly #slowCallMs: number;
  readonly #observer: TraceObserver;

  constructor(slowCallMs: number, observer: TraceObserver) {
    this.#slowCallMs = slowCallMs;
    this.#observer = observer;
  }

  /** Run *call*, and tell what became of it, and early when it takes its time. */
  async run<R>(channel: string, call: () => Promise<R>): Promise<R> {
    const startedAt = new Date().toISOString();
    const startedMs = monotonicMs();
    const timer = this.#announce(channel);
    let outcome = 'ok';
    try {
      return await call();
    } catch (error) {
      outcome = asBackendError(error).symbol;
      throw error;
    } finally {
      clearTimeout(timer);
      const durationMs = Math.round((monotonicMs() - startedMs) * 1_000) / 1_000;
      this.#observer.finished({ channel, startedAt, durationMs, outcome });
    }
  }

  #announce(channel: string): NodeJS.Timeout | undefined {
    const elapsedMs = this.#slowCallMs;
    return elapsedMs === 0
      ? undefined
      : setTimeout(() => this.#observer.isSlow({ channel, elapsedMs }), elapsedMs);
  }
}
