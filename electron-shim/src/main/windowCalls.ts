/** The calls of one window: so many at work, the next ones in line, no more than that. */

import { shimError } from '../shared/shimErrors';
import type { CancelSignal } from './call';
import { Cancellation } from './cancellation';

export interface WindowLimits {
  /** A window that asks for more at once waits for itself, and holds up no other. */
  readonly maxInFlight: number;
  readonly maxWaiting: number;
}

export class WindowCalls {
  readonly #limits: WindowLimits;
  readonly #byId = new Map<string, Cancellation>();
  readonly #line = new Set<() => void>();
  #inFlight = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /**
   * Do *work* in its turn; `cancel` with *id* gives it up.
   *
   * @throws BackendError CALLS_EXHAUSTED, CALL_CANCELLED before its turn; else what *work* throws.
   */
  async run<R>(id: string | undefined, work: (signal: CancelSignal) => Promise<R>): Promise<R> {
    const cancellation = new Cancellation();
    if (id !== undefined) {
      this.#byId.set(id, cancellation);
    }
    try {
      await this.#turn(cancellation);
      return await this.#work(cancellation, work);
    } finally {
      if (id !== undefined && this.#byId.get(id) === cancellation) {
        this.#byId.delete(id);
      }
    }
  }

  cancel(id: string): void {
    this.#byId.get(id)?.abort();
  }

  async #work<R>(
    cancellation: Cancellation,
    work: (signal: CancelSignal) => Promise<R>,
  ): Promise<R> {
    try {
      return await work(cancellation);
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

  async #turn(cancellation: Cancellation): Promise<void> {
    if (this.#inFlight < this.#limits.maxInFlight) {
      this.#inFlight += 1;
      return;
    }
    if (this.#line.size >= this.#limits.maxWaiting) {
      throw shimError('CALLS_EXHAUSTED', { retryAfterMs: 1_000 });
    }
    await new Promise<void>((resolve, reject) => {
      this.#line.add(resolve);
      cancellation.addEventListener('abort', () => {
        // Once its turn has come the call itself hears of it.
        if (this.#line.delete(resolve)) {
          reject(shimError('CALL_CANCELLED'));
        }
      });
    });
  }
}
