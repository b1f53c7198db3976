/** The event stream: subscribed to after every start, resumed where it broke off. */

import { BackendError } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import { shimError } from '../shared/shimErrors';

type Call = (channel: string, params: JsonObject) => Promise<JsonObject>;

/** Remember the last event heard, so that a restart loses and repeats none. */
export class EventFeed {
  readonly #wanted: 'all' | 'none' | readonly string[];
  #lastSeq: number | undefined;

  constructor(wanted: 'all' | 'none' | readonly string[]) {
    this.#wanted = wanted;
  }

  /** Subscribe on a fresh connection. @throws BackendError what `events.subscribe` answers. */
  async subscribe(call: Call): Promise<void> {
    if (this.#wanted === 'none') {
      return;
    }
    const types = this.#wanted === 'all' ? {} : { types: this.#wanted };
    const answer = await this.#resume(call, types);
    const headSeq = answer['headSeq'];
    if (typeof headSeq !== 'number') {
      throw shimError('REPLY_MALFORMED');
    }
    this.#lastSeq ??= headSeq;
  }

  /** Go on after the last event heard; a store that is behind it is another one, or restored. */
  async #resume(call: Call, types: JsonObject): Promise<JsonObject> {
    if (this.#lastSeq === undefined) {
      return call('events.subscribe', types);
    }
    try {
      return await call('events.subscribe', { ...types, afterSeq: this.#lastSeq });
    } catch (error) {
      if (!(error instanceof BackendError) || error.symbol !== 'CURSOR_INVALID') {
        throw error;
      }
      this.#lastSeq = undefined;
      return call('events.subscribe', types);
    }
  }

  /** Go on behind *seq*, whatever was heard before: a restored store counts anew. */
  follow(seq: number): void {
    this.#lastSeq = seq;
  }

  /** Tell whether the event numbered *seq* is news; delivery is at least once. */
  accept(seq: number): boolean {
    if (this.#lastSeq !== undefined && seq <= this.#lastSeq) {
      return false;
    }
    this.#lastSeq = seq;
    return true;
  }
}
