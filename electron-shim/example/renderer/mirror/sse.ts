/** Cuts a stream of server-sent events into messages (HTML Standard, section 9.2.6); knows no DOM. */

export interface Message {
  readonly event: string;
  readonly data: string;
}

/** One stream; what a chunk leaves unfinished waits for the next. */
export class EventParser {
  #rest = '';
  #lastId = '';
  #event = '';
  #data: string[] = [];

  /** The id to resume after; it may come without an event. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Return the messages that *text* ends. */
  push(text: string): readonly Message[] {
    // A CR at the end may be half of a CR LF.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): readonly Message[] {
    if (line === '') {
      return this.#end();
    }
    const at = line.indexOf(':');
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
    if (name === 'data') {
      this.#data.push(value);
    } else if (name === 'event') {
      this.#event = value;
    } else if (name === 'id') {
      this.#lastId = value;
    }
    return [];
  }

  #end(): readonly Message[] {
    const message = { event: this.#event || 'message', data: this.#data.join('\n') };
    const isMessage = this.#data.length > 0;
    this.#event = '';
    this.#data = [];
    return isMessage ? [message] : [];
  }
}
