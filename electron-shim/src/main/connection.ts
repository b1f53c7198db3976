/** JSON-RPC over the pipes of one child: calls out, notifications in. */

import { randomBytes } from 'crypto';
import type { Readable, Writable } from 'stream';
import {
  type CancellationTokenSource,
  ConnectionError,
  createMessageConnection,
  ErrorCodes,
  type MessageConnection,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { isJsonObject, type JsonObject } from '../shared/json';
import type { Progress, ProgressValue } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import { type CallLimits, type CallOptions, PendingCall } from './call';
import { NdjsonReader, NdjsonWriter, type Noise } from './ndjson';
import { warnOfBug } from './warnOfBug';

export interface ConnectionLimits extends CallLimits {
  readonly maxInFlight: number;
  readonly maxReplyBytes: number;
  readonly maxRequestBytes: number;
}

export interface ConnectionObserver {
  noise(noise: Noise): void;
  notification(method: string, params: JsonObject): void;
  /** The engine could not use a message: a reply to nobody, a malformed notification. */
  trouble(message: string): void;
}

type Listener = (value: ProgressValue) => void;

/** Jobs whose progress is listened for at once; of more, the oldest ones go unheard. */
const maxJobs = 64;

/** Talk to one child until `close`. */
export class Connection {
  readonly #limits: ConnectionLimits;
  readonly #observer: ConnectionObserver;
  readonly #reader: NdjsonReader;
  readonly #rpc: MessageConnection;
  readonly #progress = new Map<string | number, Listener>();
  /** Of jobs, whose calls were answered when they had only begun. */
  readonly #jobs = new Map<string | number, Listener>();
  #handled = 0;
  #inFlight = 0;
  #isClosed = false;

  constructor(
    input: Readable,
    output: Writable,
    limits: ConnectionLimits,
    observer: ConnectionObserver,
  ) {
    this.#limits = limits;
    this.#observer = observer;
    this.#reader = new NdjsonReader(input, limits.maxReplyBytes, (noise) => observer.noise(noise));
    const writer = new NdjsonWriter(output);
    const trouble = (message: string): void => observer.trouble(message);
    const quiet = (): void => undefined;
    const logger = { error: trouble, warn: trouble, info: quiet, log: quiet };
    this.#rpc = createMessageConnection(this.#reader, writer, logger, {
      messageStrategy: {
        handleMessage: (message, next) => {
          this.#handled += 1;
          return next(message);
        },
      },
    });
    this.#rpc.onNotification((method, params) => this.#notified(method, params));
    this.#rpc.onNotification('$/progress', (params) => this.#notified('$/progress', params));
    this.#rpc.onRequest('ping', () => ({}));
    this.#rpc.listen();
  }

  /** Call *channel*. @throws BackendError always, nothing else. */
  async call(channel: string, params: JsonObject, options: CallOptions = {}): Promise<JsonObject> {
    if (this.#isClosed) {
      // The child is gone and the supervisor has yet to hear of it; nothing was sent.
      throw shimError('BACKEND_LOST');
    }
    if (this.#inFlight >= this.#limits.maxInFlight) {
      throw shimError('CALLS_EXHAUSTED', { retryAfterMs: 1_000 });
    }
    const { timeoutMs = this.#limits.timeoutMs, signal } = options;
    const pending = new PendingCall({ ...this.#limits, timeoutMs }, signal);
    const token = this.#listenForProgress(pending, options);
    const message = withMeta(params, options, token);
    this.#inFlight += 1;
    try {
      const result = await pending.run((source) => this.#request(channel, message, source));
      if (typeof result['jobId'] === 'string') {
        this.#listenForJob(token, options.onProgress);
      }
      return result;
    } finally {
      this.#inFlight -= 1;
      if (token !== undefined) {
        this.#progress.delete(token);
      }
    }
  }

  /** Settle what was already read, then reject every call that is still waiting. */
  async close(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    // The engine works one message per turn off its queue; replies in it are as good as any.
    // It drops some unseen, such as a second reply with the same id, hence the count of turns.
    for (let turns = this.#reader.delivered - this.#handled; turns > 0; turns -= 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#rpc.dispose();
    this.#endJobs();
  }

  /** Tell those who wait for the end of a job that none will come; `jobs.get` knows what it came to. */
  #endJobs(): void {
    const listeners = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const listener of listeners) {
      try {
        listener({ kind: 'end', message: 'The backend ended before the job did.' });
      } catch (error) {
        warnOfBug(error);
      }
    }
  }

  async #request(
    channel: string,
    params: JsonObject,
    source: CancellationTokenSource,
  ): Promise<unknown> {
    refuseUnsendable(channel, params, this.#limits.maxRequestBytes);
    try {
      return await this.#rpc.sendRequest<unknown>(channel, params, source.token);
    } catch (error) {
      throw isLoss(error) ? shimError('BACKEND_LOST', { outcome: 'unknown' }) : error;
    }
  }

  #listenForProgress(pending: PendingCall, options: CallOptions): string | number | undefined {
    const { onProgress, meta } = options;
    if (onProgress === undefined) {
      return undefined;
    }
    // Nobody can guess it who speaks through us.
    const token = meta?.progressToken ?? `shim-${randomBytes(16).toString('hex')}`;
    this.#progress.set(token, (value) => {
      pending.progressed();
      onProgress(value);
    });
    return token;
  }

  #listenForJob(token: string | number | undefined, listener: Listener | undefined): void {
    // Without a listener for the call, the job's end came first.
    if (token === undefined || listener === undefined || !this.#progress.has(token)) {
      return;
    }
    this.#jobs.delete(token);
    this.#jobs.set(token, listener);
    for (const oldest of this.#jobs.keys()) {
      if (this.#jobs.size <= maxJobs) {
        break;
      }
      this.#jobs.delete(oldest);
    }
  }

  #notified(method: string, params: unknown): void {
    if (!isJsonObject(params)) {
      this.#observer.trouble(`The notification ${method} has no named params.`);
      return;
    }
    if (isProgress(params)) {
      this.#progressed(params);
    }
    this.#observer.notification(method, params);
  }

  #progressed({ token, value }: Progress): void {
    const listener = this.#progress.get(token) ?? this.#jobs.get(token);
    if (value.kind === 'end') {
      this.#progress.delete(token);
      this.#jobs.delete(token);
    }
    listener?.(value);
  }
}

function isProgress(params: JsonObject): params is JsonObject & Progress {
  const token = params['token'];
  return (typeof token === 'string' || typeof token === 'number') && isJsonObject(params['value']);
}

function withMeta(
  params: JsonObject,
  options: CallOptions,
  progressToken: string | number | undefined,
): JsonObject {
  const given = isJsonObject(params['_meta']) ? params['_meta'] : {};
  const meta = {
    ...given,
    ...options.meta,
    ...(progressToken === undefined ? {} : { progressToken }),
  };
  return Object.keys(meta).length === 0 ? params : { ...params, _meta: meta };
}

/**
 * Refuse what cannot be sent.
 *
 * An over-long line the backend would answer with id null, to nobody; windows can send what JSON
 * cannot hold, such as a BigInt or a cycle.
 *
 * @throws BackendError LINE_TOO_LONG, PARAMS_REFUSED
 */
function refuseUnsendable(method: string, params: JsonObject, maxBytes: number): void {
  const id = Number.MAX_SAFE_INTEGER;
  let line: string;
  try {
    line = `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
  } catch {
    throw shimError('PARAMS_REFUSED');
  }
  if (Buffer.byteLength(line) > maxBytes) {
    throw shimError('LINE_TOO_LONG');
  }
}

const lossCodes: readonly number[] = [
  ErrorCodes.PendingResponseRejected,
  ErrorCodes.ConnectionInactive,
  ErrorCodes.MessageWriteError,
];

function isLoss(error: unknown): boolean {
  return (
    error instanceof ConnectionError ||
    (error instanceof ResponseError && lossCodes.includes(error.code))
  );
}
