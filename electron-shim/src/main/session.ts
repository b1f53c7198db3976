/** One life of the backend: a child, its connection, its handshake, its end. */

import { mainOnlyChannels } from '../generated/channels.gen';
import type { BackendError } from '../shared/errors';
import { isJsonObject, type JsonObject } from '../shared/json';
import type { Ready, ResultOf, ServerInfo } from '../shared/protocol';
import { asBackendError, shimError } from '../shared/shimErrors';
import { BackendProcess, type Exit } from './backendProcess';
import { type CallOptions, waitWithin } from './call';
import { Cancellation } from './cancellation';
import { Connection } from './connection';
import { admit, initializeParams, readReady } from './handshake';
import type { Noise } from './ndjson';
import type { ResolvedOptions, Send } from './options';
import { climbDown, type StopHow } from './stopLadder';

export interface SessionObserver {
  stderr(line: string): void;
  noise(noise: Noise): void;
  notification(method: string, params: JsonObject): void;
  /** Something is not as it should be, and the backend serves all the same. */
  warning(error: BackendError): void;
}

export interface StopOptions {
  /** Kill at once, before this returns: nobody will wait. The store survives it, as any crash. */
  readonly immediate?: boolean;
}

/** What became of a stop, as far as it is known. */
export interface StopReport {
  readonly how: StopHow;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly durationMs: number;
}

export const nothingToStop: StopReport = {
  how: 'not-running',
  exitCode: null,
  signal: null,
  durationMs: 0,
};

/** Run the backend once. */
export class Session {
  readonly #options: ResolvedOptions;
  readonly #observer: SessionObserver;
  readonly #child: BackendProcess;
  readonly #connection: Connection;
  /** Settles after every pending call has. */
  readonly exited: Promise<Exit>;
  readonly #ready: Promise<Ready>;
  #heardReady: (ready: Ready) => void = () => undefined;
  #isServing = false;

  constructor(options: ResolvedOptions, observer: SessionObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#ready = new Promise((resolve) => {
      this.#heardReady = resolve;
    });
    this.#child = new BackendProcess(options.backend, options.env, (line) => observer.stderr(line));
    this.#connection = new Connection(this.#child.output, this.#child.input, options.limits, {
      noise: (noise) => observer.noise(noise),
      trouble: (message) => observer.warning(shimError('REPLY_MALFORMED', { message })),
      notification: (method, params) => {
        this.#listenForReady(method, params);
        observer.notification(method, params);
      },
    });
    this.exited = this.#child.exited.then(async (exit) => {
      await this.#connection.close();
      return exit;
    });
  }

  /**
   * Wait for `system.ready`, judge it, send `initialize`, sign in.
   *
   * @throws BackendError START_TIMEOUT, BACKEND_LOST when the child ends first, those of `admit`,
   * and what `initialize` answers.
   */
  async open(): Promise<ServerInfo> {
    const server = admit(await this.#waitForReady(), this.#options);
    this.#isServing = true;
    const { startTimeoutMs, limits } = this.#options;
    // Even where calls have no limit, a start has one.
    const timeoutMs = Math.max(startTimeoutMs, limits.timeoutMs);
    await this.#connection.call('initialize', await initializeParams(this.#options), { timeoutMs });
    await this.#signIn(limits.timeoutMs === 0 ? timeoutMs : limits.timeoutMs);
    return server;
  }

  /** Sign in before anybody else calls; whoever cannot may still sign in by himself. */
  async #signIn(timeoutMs: number): Promise<void> {
    const { signIn } = this.#options;
    if (signIn === undefined) {
      return;
    }
    const over = new Cancellation();
    const send: Send = async (channel, params) => {
      const result: unknown = await this.call(channel, { ...params }, { signal: over });
      return result as ResultOf<typeof channel>;
    };
    try {
      await waitWithin(signIn(send), timeoutMs, undefined);
    } catch (error) {
      this.#observer.warning(asBackendError(error));
    } finally {
      // Somebody else may sign in from now on: whoever is late must not take his place.
      over.abort();
    }
  }

  /** Call *channel*. @throws BackendError always, nothing else. */
  call(channel: string, params: JsonObject, options?: CallOptions): Promise<JsonObject> {
    return this.#connection.call(channel, this.#entitle(channel, params), options);
  }

  /** Ask whether anybody is there; any answer will do, an error or a late one as well. */
  async answersPing(timeoutMs: number): Promise<boolean> {
    try {
      await this.call('ping', {}, { timeoutMs });
      return true;
    } catch (error) {
      const { symbol, outcome } = asBackendError(error);
      // What the shim says by itself, such as that too much is under way, is no sign of life.
      const isSilent = symbol === 'CALL_TIMEOUT' && outcome === 'unknown';
      return !isSilent && symbol !== 'CALLS_EXHAUSTED' && symbol !== 'BACKEND_LOST';
    }
  }

  /** End the child at once, as a crash would. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Stop the child; resolves within the total limit whatever the child does. */
  async stop({ immediate = false }: StopOptions = {}): Promise<StopReport> {
    const startedAtMs = Date.now();
    const child = this.#child;
    const how = await climbDown(
      {
        get hasExited() {
          return child.hasExited;
        },
        exited: child.exited,
        requestShutdown: this.#isServing ? () => this.call('shutdown', {}) : undefined,
        closeInput: () => child.closeInput(),
        kill: (signal) => child.kill(signal),
      },
      this.#options.shutdown,
      Date.now,
      immediate ? 'sigkill' : 'request',
    );
    const exit = child.hasExited ? await this.exited : undefined;
    // Settle the calls of a child that does not even die.
    await this.#connection.close();
    return {
      how,
      exitCode: exit?.code ?? null,
      signal: exit?.signal ?? null,
      durationMs: Date.now() - startedAtMs,
    };
  }

  /** Let the main process, and nobody who speaks through it, use what is for it alone. */
  #entitle(channel: string, params: JsonObject): JsonObject {
    if (!(mainOnlyChannels as readonly string[]).includes(channel)) {
      return params;
    }
    const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
    return { ...params, _meta: { ...meta, capability: this.#options.capability } };
  }

  #listenForReady(method: string, params: JsonObject): void {
    const ready = method === 'system.ready' ? readReady(params) : undefined;
    if (ready !== undefined) {
      this.#heardReady(ready);
    }
  }

  async #waitForReady(): Promise<Ready> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(shimError('START_TIMEOUT')), this.#options.startTimeoutMs);
    });
    const gone = this.exited.then(() => {
      throw shimError('BACKEND_LOST');
    });
    try {
      return await Promise.race([this.#ready, late, gone]);
    } finally {
      clearTimeout(timer);
    }
  }
}
