/** A typed list of listeners that one failing listener cannot break. */

export type Unsubscribe = () => void;

/** Tell listeners by name; `M` maps names to payloads. */
export class Emitter<M> {
  readonly #listeners = new Map<keyof M, Set<(payload: never) => void>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Call *listener* for every *name* until the returned function is called. */
  on<K extends keyof M>(name: K, listener: (payload: M[K]) => void): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A wrapper of its own, so that the same function can listen twice.
    const entry = (payload: M[K]): void => listener(payload);
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
    };
  }

  /** Call the listeners of *name* in the order they came. */
  emit<K extends keyof M>(name: K, payload: M[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: M[K]) => void)(payload);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }

  /** Forget all listeners. */
  clear(): void {
    this.#listeners.clear();
  }
}
