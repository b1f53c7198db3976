/** The calls of one window: so many at work, the next ones in line, no more than that. */

import { shimError } from '../shared/shimErrors';
import { type CancelSignal, waitWithin } from './call';
import { Cancellation } from './cancellation';
import { monotonicMs } from './clock';

export interface WindowLimits {
  /** A window that asks for more at once waits for itself, and holds up no other. */
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  /** Limit of a call that brings none, its wait in line included; 0 is none. */
  readonly timeoutMs: number;
}

/** Does a call once it is its turn, within what is left of its limit. */
type Work<R> = (signal: CancelSignal, leftMs: number) => Promise<R>;

export class WindowCalls {
  readonly #limits: WindowLimits;
  readonly #byId = new Map<string, Cancellation>();
  readonly #all = new Set<Cancellation>();
  readonly #line = new Set<() => void>();
  #inFlight = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /**
   * Do *work* in its turn; `cancel` with *id* gives it up.
   *
   * @throws BackendError CALLS_EXHAUSTED, CALL_CANCELLED, CALL_TIMEOUT before its turn; else what
   * *work* throws.
   */
  async run<R>(
    id: string | undefined,
    work: Work<R>,
    timeoutMs: number = this.#limits.timeoutMs,
  ): Promise<R> {
    const cancellation = new Cancellation();
    this.#all.add(cancellation);
    if (id !== undefined) {
      this.#byId.set(id, cancellation);
    }
    const askedAtMs = monotonicMs();
    try {
      await this.#turn(cancellation, timeoutMs);
      const leftMs = Math.max(1, Math.ceil(timeoutMs - (monotonicMs() - askedAtMs)));
      return await this.#work(cancellation, timeoutMs === 0 ? 0 : leftMs, work);
    } finally {
      this.#all.delete(cancellation);
      if (id !== undefined && this.#byId.get(id) === cancellation) {
        this.#byId.delete(id);
      }
    }
  }

  cancel(id: string): void {
    this.#byId.get(id)?.abort();
  }

  /** Give up all that is at work or in line: whoever asked is gone, or may ask no more. */
  cancelAll(): void {
    for (const cancellation of [...this.#all]) {
      cancellation.abort();
    }
  }

  async #work<R>(cancellation: Cancellation, leftMs: number, work: Work<R>): Promise<R> {
    try {
      return await work(cancellation, leftMs);
    } finally {
      // Whoever is next in line takes the place over, so that nobody overtakes him.
      const [next] = this.#line;
      if (next === undefined) {
        this.#inFlight -= 1;
      } else {
        this.#line.delete(next);
        next();
      }
    }
  }

  async #turn(cancellation: Cancellation, timeoutMs: number): Promise<void> {
    if (this.#inFlight < this.#limits.maxInFlight) {
      this.#inFlight += 1;
      return;
    }
    if (this.#line.size >= this.#limits.maxWaiting) {
      throw shimError('CALLS_EXHAUSTED', { retryAfterMs: 1_000 });
    }
    let hasBegun = false;
    let begin = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      begin = () => {
        hasBegun = true;
        resolve();
      };
    });
    this.#line.add(begin);
    // At once: what is given up together must not begin for want of each other.
    cancellation.addEventListener('abort', () => this.#line.delete(begin));
    try {
      await waitWithin(turn, timeoutMs, cancellation);
    } catch (error) {
      this.#line.delete(begin);
      // Once its turn has come the call itself hears of it.
      if (!hasBegun) {
        throw error;
      }
    }
  }
}
