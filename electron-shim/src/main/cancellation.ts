/** An AbortController for the Node of older Electrons, which has none. */

import type { CancelSignal } from './call';

/** A signal that whoever holds it can give. */
export class Cancellation implements CancelSignal {
  readonly #listeners = new Set<() => void>();
  #isAborted = false;

  get aborted(): boolean {
    return this.#isAborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Tell everybody who listens, once. */
  abort(): void {
    if (!this.#isAborted) {
      this.#isAborted = true;
      for (const listener of [...this.#listeners]) {
        listener();
      }
    }
  }
}
