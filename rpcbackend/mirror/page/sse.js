/** Server-sent events by fetch: EventSource can send no token. */

/** @typedef {{id: string, type: string, data: string}} Message */

/** Cuts a stream into messages (HTML Standard, section 9.2.6). */
export class Parser {
  /** The id of the last event, with or without data. */
  lastId = '';
  #rest = '';
  #type = '';
  /** @type {string[]} */
  #data = [];

  /** @param {string} text @returns {Message[]} Those that it ends. */
  push(text) {
    // A lone CR at the end may be half of a CR LF.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line));
  }

  /** @param {string} line @returns {Message[]} */
  #line(line) {
    if (line === '') return this.#end();
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name === 'id') this.lastId = value;
    else if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    return [];
  }

  #end() {
    const message = { id: this.lastId, type: this.#type || 'message', data: this.#data.join('\n') };
    const isMessage = this.#data.length > 0;
    this.#type = '';
    this.#data = [];
    return isMessage ? [message] : [];
  }
}

const SILENCE_MS = 60_000;
const WAITS_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];

/** The events of the school: taken up again where they broke off. */
export class EventStream {
  /** @type {AbortController | null} */
  #open = null;
  #lastId = '';
  #tries = 0;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {import('./api.js').Api} api
   * @param {(message: Message) => void} heard
   * @param {(state: 'opening' | 'live' | 'broken' | 'refused' | 'closed', waitMs?: number) => void} told
   */
  constructor(api, heard, told) {
    this.api = api;
    this.heard = heard;
    this.told = told;
  }

  start() {
    this.stop();
    void this.#run();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#open?.abort();
    this.#open = null;
    this.told('closed');
  }

  async #run() {
    const open = new AbortController();
    this.#open = open;
    this.told('opening');
    let isRefused = false;
    try {
      isRefused = await this.#read(open);
    } catch {
      // It broke off, or nobody was there: both are tried again.
    }
    if (this.#open !== open) return;
    if (isRefused) {
      this.told('refused');
      return;
    }
    const waitMs = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)];
    this.#tries += 1;
    this.told('broken', waitMs);
    this.#timer = window.setTimeout(() => void this.#run(), waitMs);
  }

  /** Read to its end; tells whether it was refused. @param {AbortController} open */
  async #read(open) {
    /** @type {Record<string, string>} */
    const headers = { Accept: 'text/event-stream' };
    if (this.#lastId) headers['Last-Event-ID'] = this.#lastId;
    const response = await this.api.get('/api/events', { headers, signal: open.signal });
    // That event is not there: the backend was set back to a backup, and counts from there.
    if (response.status === 422) this.#lastId = '';
    if (!response.ok || response.body === null) return [401, 403].includes(response.status);
    this.told('live');
    const parser = new Parser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const silence = window.setTimeout(() => open.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done || this.#open !== open) return false;
      this.#tries = 0;
      for (const message of parser.push(decoder.decode(value, { stream: true }))) {
        this.heard(message);
      }
      this.#lastId = parser.lastId || this.#lastId;
    }
  }
}
