/** Reads a transcript (protocol.md section 10): what was asked, what was answered, what was told. */

import { isJsonObject, type JsonObject } from '../shared/json';

export const transcriptFormat = 'rpcbackend-transcript/1';

/** A request of the app with its reply, and the notifications that came between this reply and the next. */
export interface Exchange {
  readonly channel: string;
  /** Without `_meta`. */
  readonly params: JsonObject;
  readonly reply: { readonly result: unknown } | { readonly error: JsonObject };
  readonly told: readonly Notification[];
}

export interface Notification {
  readonly method: string;
  readonly params: JsonObject;
}

export interface Transcript {
  readonly contractHash: string;
  readonly exchanges: readonly Exchange[];
  /** What was told before the first reply. */
  readonly preface: readonly Notification[];
}

/** What the shim itself calls: no app asks for it again. */
const lifeCycle: readonly string[] = ['initialize', 'events.subscribe', 'ping', 'shutdown'];

interface Draft extends Exchange {
  readonly told: Notification[];
}

/** Read a transcript. @throws SyntaxError: it is none. */
export function readTranscript(text: string): Transcript {
  const [header, ...entries] = text.split('\n').filter((line) => line.trim() !== '');
  const { format, contractHash } = readLine(header ?? '');
  if (format !== transcriptFormat) {
    throw new SyntaxError(`the first line is not the header of a ${transcriptFormat}`);
  }
  const reader = new Reader();
  for (const entry of entries) {
    reader.read(readLine(entry));
  }
  return {
    contractHash: String(contractHash),
    exchanges: reader.exchanges,
    preface: reader.preface,
  };
}

class Reader {
  readonly exchanges: Draft[] = [];
  readonly preface: Notification[] = [];
  /** Requests without a reply so far, by connection and id. */
  readonly #asked = new Map<string, Notification>();

  read({ dir, conn, msg }: JsonObject): void {
    // A batch is its members; a line that was no JSON is a text, and nobody's request.
    for (const message of Array.isArray(msg) ? msg : [msg]) {
      if (isJsonObject(message)) {
        this.#take(String(dir), String(conn), message);
      }
    }
  }

  #take(dir: string, conn: string, message: JsonObject): void {
    const key = JSON.stringify([conn, message['id']]);
    const params = isJsonObject(message['params']) ? message['params'] : {};
    const told = { method: String(message['method']), params };
    if (dir === 'in') {
      if (message['id'] !== undefined) {
        this.#asked.set(key, told);
      }
    } else if (message['method'] === undefined) {
      this.#answered(key, message);
    } else {
      const last = this.exchanges[this.exchanges.length - 1];
      (last?.told ?? this.preface).push(told);
    }
  }

  #answered(key: string, { result, error }: JsonObject): void {
    const asked = this.#asked.get(key);
    if (asked === undefined) {
      return;
    }
    this.#asked.delete(key);
    if (lifeCycle.includes(asked.method)) {
      return;
    }
    const { _meta, ...params } = asked.params;
    const reply = isJsonObject(error) ? { error } : { result };
    this.exchanges.push({ channel: asked.method, params, reply, told: [] });
  }
}

function readLine(line: string): JsonObject {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value)) {
    throw new SyntaxError('a line of a transcript is an object');
  }
  return value;
}
