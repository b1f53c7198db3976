/** The events of the school over the mirror: taken up again where they broke off; knows no DOM. */

import { isJsonObject, type JsonObject } from '../../../src/shared/json';
import type { MirrorSession } from './session';
import { EventParser } from './sse';

// Four times what the mirror lets pass without a sign of life.
const silenceMs = 60_000;
const waitsMs = [250, 500, 1_000, 2_000, 5_000, 10_000];

/** A stream of events, while somebody is signed in. */
export class EventFeed {
  readonly #session: MirrorSession;
  readonly #heard: (event: JsonObject) => void;
  readonly #lost: () => void;
  #open: AbortController | undefined;
  #lastId = '';
  #tries = 0;

  /** *lost* is called when a stream broke off. */
  constructor(session: MirrorSession, heard: (event: JsonObject) => void, lost: () => void) {
    this.#session = session;
    this.#heard = heard;
    this.#lost = lost;
  }

  start(): void {
    if (this.#open === undefined) {
      const open = new AbortController();
      this.#open = open;
      void this.#run(open);
    }
  }

  stop(): void {
    this.#open?.abort();
    this.#open = undefined;
    this.#lastId = '';
  }

  async #run(open: AbortController): Promise<void> {
    while (!open.signal.aborted) {
      const isRefused = await this.#read(open).catch(() => false);
      if (isRefused) {
        // Whoever calls next is told why, and may sign in.
        this.#open = undefined;
        return;
      }
      if (!open.signal.aborted) {
        this.#lost();
        const waitMs = waitsMs[Math.min(this.#tries, waitsMs.length - 1)];
        this.#tries += 1;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** Read one stream to its end; tells whether it was refused. @throws when it breaks off. */
  async #read(open: AbortController): Promise<boolean> {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    open.signal.addEventListener('abort', abort);
    const headers = {
      accept: 'text/event-stream',
      ...(this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }),
    };
    try {
      const response = await this.#session.fetch('/api/events', {
        headers,
        signal: attempt.signal,
      });
      if (response.status === 422) {
        // That event is not there: the backend was set back to a backup, and counts from there.
        this.#lastId = '';
      }
      if (!response.ok || response.body === null) {
        return response.status === 401 || response.status === 403;
      }
      await this.#follow(response.body.getReader(), abort);
      return false;
    } finally {
      open.signal.removeEventListener('abort', abort);
    }
  }

  async #follow(reader: ReadableStreamDefaultReader<Uint8Array>, abort: () => void): Promise<void> {
    const parser = new EventParser();
    const decoder = new TextDecoder();
    for (;;) {
      const silence = setTimeout(abort, silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) {
        return;
      }
      this.#tries = 0;
      const messages = parser.push(decoder.decode(value, { stream: true }));
      this.#lastId = parser.lastId || this.#lastId;
      for (const { data } of messages) {
        const event: unknown = JSON.parse(data);
        if (isJsonObject(event)) {
          this.#heard(event);
        }
      }
    }
  }
}
