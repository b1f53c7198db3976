/** Serves a recorded transcript: work on windows, and end-to-end tests, without Python. */

import { readFileSync } from 'fs';
import { contractHash as ours } from '../generated/channels.gen';
import { readErrorObject } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import { FakeBackend, refusal } from './fakeBackend';
import { Placeholders } from './placeholders';
import { type Exchange, readTranscript, type Transcript } from './transcript';

export interface ReplayOptions {
  /**
   * `match` (by default) answers a call as the same call was answered, the next time it was made
   * or, when there is none, the last; `order` wants the calls as they were recorded.
   */
  readonly mode?: 'match' | 'order';
}

/**
 * A backend that knows what was recorded, and nothing else.
 *
 * What was taken out of the transcript (names, secrets) matches anything once, and from then on
 * what it matched; replies show that in its place. A call that was not recorded fails with
 * NOT_RECORDED.
 */
export class ReplayBackend extends FakeBackend {
  readonly #transcript: Transcript;
  readonly #mode: 'match' | 'order';
  readonly #placeholders = new Placeholders();
  readonly #served = new Set<Exchange>();

  /** @throws SyntaxError: the text is no transcript. */
  constructor(text: string, { mode = 'match' }: ReplayOptions = {}) {
    const transcript = readTranscript(text);
    const { contractHash } = transcript;
    super({ contractHash, contractMatches: contractHash === ours });
    this.#transcript = transcript;
    this.#mode = mode;
    this.handleRest((channel, params) => this.#replay(channel, params));
    this.on('ready', () => this.#tell(this.#transcript.preface));
  }

  /** Read a transcript that lies on the disk. */
  static fromFile(path: string, options?: ReplayOptions): ReplayBackend {
    return new ReplayBackend(readFileSync(path, 'utf8'), options);
  }

  /** The recorded calls that nobody has made so far, oldest first. */
  get unserved(): readonly { readonly channel: string; readonly params: JsonObject }[] {
    return this.#transcript.exchanges.filter((exchange) => !this.#served.has(exchange));
  }

  #replay(channel: string, { _meta, ...params }: JsonObject): unknown {
    const exchange =
      this.#mode === 'order' ? this.#next(channel, params) : this.#find(channel, params);
    if (exchange === undefined) {
      throw refusal({
        symbol: 'NOT_RECORDED',
        code: -32074,
        type: 'validation',
        message: this.#explain(channel),
      });
    }
    const isFirst = !this.#served.has(exchange);
    this.#served.add(exchange);
    if (isFirst) {
      // Behind the reply, as it was.
      setImmediate(() => this.#tell(exchange.told));
    }
    return this.#answer(exchange);
  }

  #answer({ reply }: Exchange): unknown {
    if ('result' in reply) {
      return this.#placeholders.fill(reply.result);
    }
    const { code, message, data } = reply.error;
    throw readErrorObject(Number(code), String(message), this.#placeholders.fill(data));
  }

  #next(channel: string, params: JsonObject): Exchange | undefined {
    const exchange = this.#transcript.exchanges.find((one) => !this.#served.has(one));
    return exchange !== undefined && this.#matches(exchange, channel, params)
      ? exchange
      : undefined;
  }

  #find(channel: string, params: JsonObject): Exchange | undefined {
    const { exchanges } = this.#transcript;
    const fresh = exchanges.filter((exchange) => !this.#served.has(exchange));
    const again = exchanges.filter((exchange) => this.#served.has(exchange)).reverse();
    return [...fresh, ...again].find((exchange) => this.#matches(exchange, channel, params));
  }

  #matches(exchange: Exchange, channel: string, params: JsonObject): boolean {
    return exchange.channel === channel && this.#placeholders.match(exchange.params, params);
  }

  #explain(channel: string): string {
    const { exchanges } = this.#transcript;
    const known = exchanges.filter((exchange) => exchange.channel === channel).length;
    if (this.#mode === 'order') {
      const next = exchanges.find((one) => !this.#served.has(one));
      return `The transcript goes on with ${next?.channel ?? 'nothing'}, not with this ${channel}.`;
    }
    return `The transcript has ${known} calls of ${channel}, none with these params.`;
  }

  #tell(notifications: readonly { readonly method: string; readonly params: JsonObject }[]): void {
    for (const { method, params } of notifications) {
      this.notify(method, this.#placeholders.fill(params) as JsonObject);
    }
  }
}
