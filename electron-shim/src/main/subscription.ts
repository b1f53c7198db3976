/** Keeps the event feed of one backend subscribed: after starts, sign-ins, and refusals. */

import type { BackendError } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import type { BackendEvent } from '../shared/protocol';
import { asBackendError } from '../shared/shimErrors';
import { EventFeed } from './eventFeed';

/** The channels that sign a connection in. */
export const signsIn: readonly string[] = ['auth.bootstrap', 'auth.login', 'auth.refresh'];

/** Why there may be no events yet: nobody is signed in. */
const needsSignIn: readonly string[] = ['UNAUTHENTICATED', 'SESSION_EXPIRED'];

/** At least so long between two tries, whatever the refusal asks for. */
const againMs = 1_000;

export class Subscription {
  readonly #feed: EventFeed;
  readonly #call: (channel: string, params: JsonObject) => Promise<JsonObject>;
  readonly #warn: (error: BackendError) => void;
  #made: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    events: 'all' | 'none' | readonly string[],
    call: (channel: string, params: JsonObject) => Promise<JsonObject>,
    warn: (error: BackendError) => void,
  ) {
    this.#feed = new EventFeed(events);
    this.#call = call;
    this.#warn = warn;
  }

  /** Settles once the last try is over. */
  get made(): Promise<void> {
    return this.#made;
  }

  /** Subscribe on the connection that is there now; what is in the way is told by a warning. */
  make(): Promise<void> {
    this.forget();
    this.#made = this.#subscribe();
    return this.#made;
  }

  /** The backend is gone: try no more. */
  forget(): void {
    clearTimeout(this.#timer);
  }

  /** Tell whether *event* is news; a restore ends the subscription, and its numbers go back. */
  accepts({ seq, type }: BackendEvent): boolean {
    if (type !== 'backups.restored') {
      return this.#feed.accept(seq);
    }
    this.#feed.follow(seq);
    void this.make();
    return true;
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#feed.subscribe(this.#call);
    } catch (error) {
      const refused = asBackendError(error);
      if (!needsSignIn.includes(refused.symbol)) {
        this.#warn(refused);
      }
      if (refused.retryable || refused.symbol === 'CALL_TIMEOUT') {
        // Whoever is busy now, with a migration say, is not to stay without events.
        const delayMs = Math.max(againMs, refused.retryAfterMs ?? 0);
        this.#timer = setTimeout(() => void this.make(), delayMs);
      }
    }
  }
}
