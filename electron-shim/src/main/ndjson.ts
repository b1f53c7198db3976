/** NDJSON reader and writer under vscode-jsonrpc, which knows only Content-Length itself. */

import type { Readable, Writable } from 'stream';
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { isJsonObject } from '../shared/json';
import { LineSplitter } from './lines';

/** A line on stdout that is no message: a stray print, or over the limit. */
export interface Noise {
  readonly reason: 'not-json' | 'not-a-message' | 'oversize';
  readonly bytes: number;
  /** The first characters, to find who printed it. */
  readonly sample: string;
}

const sampleCharacters = 200;

/** Read one line; a string names why it is no JSON-RPC 2.0 message or batch. */
export function readMessages(line: Buffer): readonly Message[] | Noise['reason'] {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return 'not-json';
  }
  const messages: readonly unknown[] = Array.isArray(value) ? value : [value];
  return messages.length > 0 && messages.every(isMessage) ? messages : 'not-a-message';
}

function isMessage(value: unknown): value is Message {
  return isJsonObject(value) && value['jsonrpc'] === '2.0';
}

/** Read messages from *input*; what is none is told to *onNoise* and skipped. */
export class NdjsonReader extends AbstractMessageReader implements MessageReader {
  readonly #input: Readable;
  readonly #maxLineBytes: number;
  readonly #onNoise: (noise: Noise) => void;
  #delivered = 0;

  constructor(input: Readable, maxLineBytes: number, onNoise: (noise: Noise) => void) {
    super();
    this.#input = input;
    this.#maxLineBytes = maxLineBytes;
    this.#onNoise = onNoise;
  }

  /** Count the messages handed on so far. */
  get delivered(): number {
    return this.#delivered;
  }

  listen(callback: DataCallback): Disposable {
    const splitter = new LineSplitter(this.#maxLineBytes, {
      line: (bytes) => this.#read(bytes, callback),
      oversize: (bytes) => this.#onNoise({ reason: 'oversize', bytes, sample: '' }),
    });
    const onData = (chunk: Buffer): void => splitter.push(chunk);
    this.#input.on('data', onData);
    return { dispose: () => this.#input.removeListener('data', onData) };
  }

  #read(line: Buffer, callback: DataCallback): void {
    if (isBlank(line)) {
      return;
    }
    const messages = readMessages(line);
    if (typeof messages === 'string') {
      this.#skip(messages, line);
      return;
    }
    for (const message of messages) {
      // The engine throws on some, such as `$/cancelRequest` without params, and what is thrown
      // in a listener of a stream ends the whole app.
      try {
        callback(message);
        this.#delivered += 1;
      } catch {
        this.#skip('not-a-message', line);
      }
    }
  }

  #skip(reason: Noise['reason'], line: Buffer): void {
    const sample = line.toString('utf8', 0, 4 * sampleCharacters).slice(0, sampleCharacters);
    this.#onNoise({ reason, bytes: line.length, sample });
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** Write messages to *output*, one line each, in the order of the calls. */
export class NdjsonWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #output: Writable;

  constructor(output: Writable) {
    super();
    this.#output = output;
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      const line = Buffer.from(`${JSON.stringify(message)}\n`, 'utf8');
      this.#output.write(line, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {
    this.#output.end();
  }
}
