/** Calls that wait for a backend to start: so many at once, each no longer than it may. */

import { shimError } from '../shared/shimErrors';
import { waitWithin } from './call';
import type { Patience } from './delivery';

// A window that opens asks for a dozen things; more than this is a loop.
const maxWaiting = 100;

export class WaitingRoom {
  #waiting = 0;

  /** @throws BackendError CALLS_EXHAUSTED, CALL_TIMEOUT, CALL_CANCELLED; what *start* throws */
  async wait(
    start: Promise<unknown> | undefined,
    { timeoutMs, signal, isRepeated }: Patience,
  ): Promise<void> {
    // What was sent before is bounded by what may be in flight.
    if (this.#waiting >= maxWaiting && !isRepeated) {
      throw shimError('CALLS_EXHAUSTED', { retryAfterMs: 1_000 });
    }
    this.#waiting += 1;
    try {
      await waitWithin(start, timeoutMs, signal);
    } finally {
      this.#waiting -= 1;
    }
  }
}
