/** A backend without a process, for the tests of an app: it answers what the test tells it to. */

import { type Channel, channelNames, contractHash } from '../generated/channels.gen';
import { Announcer } from '../main/announcer';
import type { Backend, BackendSignals } from '../main/backend';
import { type CallOptions, waitWithin } from '../main/call';
import { requireParams } from '../main/contractParams';
import { type Diagnostics, Notebook } from '../main/diagnostics';
import type { StopReport } from '../main/session';
import { Tracer } from '../main/trace';
import type { Unsubscribe } from '../shared/emitter';
import { BackendError, type Failure } from '../shared/errors';
import type { SchoolPort } from '../shared/ipc';
import type { JsonObject } from '../shared/json';
import {
  type BackendEvent,
  type EventType,
  type ParamsOf,
  type PayloadOf,
  protocolVersion,
  type ResultOf,
  type ServerInfo,
  type Topic,
} from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import { type BridgeStatus, serverOf } from '../shared/status';
import { portOf } from './port';

/** One call as it came. */
export interface SeenCall {
  readonly channel: string;
  readonly params: JsonObject;
  readonly options: CallOptions;
}

/** Answers a channel; what it throws is the error of the call. */
export type Answer<P, R> = (params: P, options: CallOptions) => R | Promise<R>;

type AnyAnswer = (params: JsonObject, options: CallOptions) => unknown;

/**
 * Stand in for a backend: `handle` says what a channel answers, `tell` sends an event, `become`
 * puts it in any state.
 *
 * Params are held against the contract as they are in earnest. It goes wherever a Backend does,
 * `createElectronBridge({ backend })` included; `port()` is for `createClient` in a window's test.
 */
export class FakeBackend implements Backend {
  readonly #announcer = new Announcer();
  readonly #answers = new Map<string, AnyAnswer>([['ping', () => ({})]]);
  readonly #notebook = new Notebook(
    { command: 'none', args: [] },
    { name: 'FakeBackend', version: '0' },
  );
  readonly #tracer = new Tracer(0, {
    finished: (trace) => this.#announcer.tell('rpc', trace),
    isSlow: () => undefined,
  });
  readonly #calls: SeenCall[] = [];
  readonly #server: ServerInfo;
  #status: BridgeStatus = { state: 'stopped' };
  #lastSeq = 0;

  /** *server* is what `status` tells of it, beside what any fake is. */
  constructor(server: Partial<ServerInfo> = {}) {
    this.#server = { ...fakeServer, ...server };
    this.on('status', (status) => this.#notebook.status(status));
    this.on('rpc', (trace) => this.#notebook.finished(trace));
  }

  /** The calls so far, oldest first. */
  get calls(): readonly SeenCall[] {
    return this.#calls;
  }

  /** Say what *channel* answers from now on. */
  handle<C extends Channel>(channel: C, answer: Answer<ParamsOf<C>, ResultOf<C>>): this {
    this.#answers.set(channel, (params, options) => answer(params as ParamsOf<C>, options));
    return this;
  }

  /** Say what every channel answers that has no answer of its own. */
  handleRest(answer: (channel: string, params: JsonObject, options: CallOptions) => unknown): this {
    this.#rest = answer;
    return this;
  }

  /** Say what *channel* fails with from now on. */
  refuse(channel: Channel, failure: Partial<Failure> & { readonly symbol: string }): this {
    this.#answers.set(channel, () => {
      throw refusal(failure);
    });
    return this;
  }

  /** Tell that something happened in the school. */
  tell(type: EventType, more: Partial<BackendEvent> = {}): void {
    this.#lastSeq += 1;
    this.notify('event', {
      seq: this.#lastSeq,
      id: `evt_${this.#lastSeq}`,
      type,
      at: new Date().toISOString(),
      actor: 'test',
      aggregate: { type: 'test', id: 'test', version: 1 },
      data: {},
      ...more,
    });
  }

  /** Send any notification. */
  notify(method: string, payload: JsonObject): void {
    if (method === 'event') {
      this.#announcer.happened(payload as JsonObject & BackendEvent);
    } else {
      this.#announcer.notified(method, payload);
    }
  }

  /** Be in *status* from now on, whatever led there. */
  become(status: BridgeStatus): void {
    this.#status = status;
    this.#announcer.entered(status);
  }

  /** What `createClient` takes, without a bridge between. */
  port(): SchoolPort {
    return portOf(this);
  }

  async startServer(): Promise<ServerInfo> {
    const server = serverOf(this.#status);
    if (server !== undefined) {
      return server;
    }
    this.become({ state: 'starting', attempt: 1 });
    this.become({ state: 'ready', server: this.#server });
    return this.#server;
  }

  async stopServer(): Promise<StopReport> {
    if (this.#status.state !== 'stopped') {
      this.become({ state: 'stopping' });
      this.become({ state: 'stopped' });
    }
    return { how: 'request', exitCode: 0, signal: null, durationMs: 0 };
  }

  async send<C extends Channel>(
    channel: C,
    params: ParamsOf<C>,
    options: CallOptions = {},
  ): Promise<ResultOf<C>> {
    const result = await this.#tracer.run(channel, () =>
      this.#answer(channel, { ...params }, options),
    );
    return result as ResultOf<C>;
  }

  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe {
    return this.#announcer.receive(topic, callback);
  }

  on<K extends keyof BackendSignals>(
    name: K,
    callback: (payload: BackendSignals[K]) => void,
  ): Unsubscribe {
    return this.#announcer.on(name, callback);
  }

  status(): BridgeStatus {
    return this.#status;
  }

  diagnostics(): Diagnostics {
    return this.#notebook.report(this.#status);
  }

  suspend(): void {
    // It does not sleep.
  }

  resume(): void {
    // Nor wake.
  }

  #rest = (channel: string, _params: JsonObject, _options: CallOptions): unknown => {
    const known: readonly string[] = channelNames;
    throw refusal({
      symbol: 'METHOD_NOT_FOUND',
      code: -32601,
      message: known.includes(channel)
        ? `The test has not said what ${channel} answers: use handle().`
        : `There is no channel ${channel}.`,
    });
  };

  async #answer(channel: string, params: JsonObject, options: CallOptions): Promise<unknown> {
    this.#calls.push({ channel, params, options });
    await this.#serving(options);
    if (options.signal?.aborted === true) {
      throw shimError('CALL_CANCELLED');
    }
    if (this.#server.contractMatches) {
      requireParams(channel, params);
    }
    const answer = this.#answers.get(channel);
    return answer === undefined ? this.#rest(channel, params, options) : answer(params, options);
  }

  /** Wait as long as a start takes, as in earnest. */
  async #serving({ signal, timeoutMs = 30_000 }: CallOptions): Promise<void> {
    while (this.#status.state === 'starting') {
      let unsubscribe: Unsubscribe = () => undefined;
      const changed = new Promise<void>((resolve) => {
        unsubscribe = this.on('status', () => resolve());
      });
      await waitWithin(changed, timeoutMs, signal).finally(() => unsubscribe());
    }
    if (serverOf(this.#status) === undefined) {
      throw shimError(this.#status.state === 'backoff' ? 'BACKEND_RESTARTING' : 'BACKEND_STOPPED');
    }
  }
}

/** Make the error of a refused call; only its symbol has to be told. */
export function refusal(failure: Partial<Failure> & { readonly symbol: string }): BackendError {
  return new BackendError({
    code: 1_100,
    type: 'business',
    message: failure.symbol,
    retryable: false,
    outcome: 'none',
    ...failure,
  });
}

const fakeServer: ServerInfo = {
  name: 'fake',
  version: '0',
  protocolVersion,
  contractHash,
  contractMatches: true,
  pid: process.pid,
  locked: false,
  bootMs: 0,
};
