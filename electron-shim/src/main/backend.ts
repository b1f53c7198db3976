/** The supervised backend under plain Node: start, stop, call, listen. */

import type { Channel } from '../generated/channels.gen';
import type { Unsubscribe } from '../shared/emitter';
import type { BackendError, Failure } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import type {
  BackendEvent,
  ParamsOf,
  PayloadOf,
  ResultOf,
  ServerInfo,
  Topic,
} from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import { type BridgeStatus, serverOf } from '../shared/status';
import { Announcer } from './announcer';
import type { Exit } from './backendProcess';
import type { CallOptions } from './call';
import { requireParams } from './contractParams';
import { type Diagnostics, Notebook } from './diagnostics';
import { LogFile } from './logFile';
import type { Noise } from './ndjson';
import { type BackendOptions, resolveOptions } from './options';
import type { StopOptions, StopReport } from './session';
import { Subscription, signsIn } from './subscription';
import { Supervisor } from './supervisor';
import { type CallTrace, type SlowCall, Tracer } from './trace';
import { warnOfBug } from './warnOfBug';

export interface ExitNotice extends Exit {
  /** Whether the shim itself had stopped it. */
  readonly expected: boolean;
}

/** A notification as windows get it: *topics* are the names `receive` listens to. */
export interface Notice {
  readonly topics: readonly string[];
  readonly payload: JsonObject;
}

/** What `on` listens to. */
export interface BackendSignals {
  readonly status: BridgeStatus;
  readonly ready: ServerInfo;
  readonly exit: ExitNotice;
  readonly restarting: { readonly attempt: number; readonly delayMs: number };
  readonly failed: { readonly reason: Failure; readonly stderrTail: readonly string[] };
  readonly stderr: string;
  readonly noise: Noise;
  readonly event: BackendEvent;
  readonly notification: Notice;
  /** Something is not as it should be, and the backend serves all the same. */
  readonly warning: Failure;
  /** Every call that is done: channel, time, outcome. */
  readonly rpc: CallTrace;
  /** A call that is not done after `slowCallMs`. */
  readonly slow: SlowCall;
}

export interface Backend {
  /** Start, or join the start under way. @throws BackendError why it will not serve. */
  startServer(): Promise<ServerInfo>;
  /** Stop; never throws and never takes longer than `shutdown.totalMs`. */
  stopServer(options?: StopOptions): Promise<StopReport>;
  /** Call a channel of the backend. @throws BackendError */
  send<C extends Channel>(
    channel: C,
    params: ParamsOf<C>,
    options?: CallOptions,
  ): Promise<ResultOf<C>>;
  /** Listen to a notification of the backend. */
  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe;
  status(): BridgeStatus;
  /** Report what happened, for a mail: no params, keys or mail addresses; the end of stderr. */
  diagnostics(): Diagnostics;
  /** The machine goes to sleep: until `resume` a silent backend counts as asleep. */
  suspend(): void;
  resume(): void;
  on<K extends keyof BackendSignals>(
    name: K,
    callback: (payload: BackendSignals[K]) => void,
  ): Unsubscribe;
}

/** Wire up a backend without starting it. */
export function createBackend(options: BackendOptions): Backend {
  return new SupervisedBackend(options);
}

class SupervisedBackend implements Backend {
  readonly #announcer = new Announcer();
  readonly #subscription: Subscription;
  readonly #supervisor: Supervisor;
  readonly #notebook: Notebook;
  readonly #tracer: Tracer;
  readonly #log: LogFile | undefined;
  readonly #stopMs: number;
  #server: ServerInfo | undefined;

  constructor(options: BackendOptions) {
    const resolved = resolveOptions(options);
    this.#subscription = new Subscription(
      resolved.events,
      (channel, params) => this.#supervisor.callNow(channel, params),
      (error) => this.#warn(error),
    );
    this.#notebook = new Notebook(resolved.backend, resolved.client);
    this.#log = resolved.logFile && new LogFile(resolved.logFile, warnOfBug);
    this.#stopMs = resolved.shutdown.totalMs;
    this.#tracer = new Tracer(resolved.slowCallMs, {
      finished: (trace) => this.#announcer.tell('rpc', trace),
      isSlow: (call) => this.#announcer.tell('slow', call),
    });
    this.#takeNotes();
    this.#supervisor = new Supervisor(resolved, {
      status: (status) => this.#changed(status),
      exit: (exit, expected) => this.#announcer.tell('exit', { ...exit, expected }),
      stderr: (line) => this.#announcer.tell('stderr', line),
      noise: (noise) => this.#announcer.tell('noise', noise),
      notification: (method, params) => this.#notified(method, params),
      warning: (error) => this.#warn(error),
    });
  }

  async startServer(): Promise<ServerInfo> {
    const server = await this.#supervisor.start();
    // What the caller does next may cause events; they are not to be missed.
    await this.#subscription.made;
    return server;
  }

  async stopServer(options?: StopOptions): Promise<StopReport> {
    const report = await this.#supervisor.stop(options);
    // A quit has one limit for all of it.
    await this.#log?.close(this.#stopMs - report.durationMs);
    return report;
  }

  async send<C extends Channel>(
    channel: C,
    params: ParamsOf<C>,
    options?: CallOptions,
  ): Promise<ResultOf<C>> {
    const result: unknown = await this.#tracer.run(channel, async () => {
      this.#refuseMisfits(channel, { ...params });
      return this.#supervisor.call(channel, { ...params }, options);
    });
    if (signsIn.includes(channel)) {
      // Who was nobody before may hear events now, and what he does next may cause some.
      await this.#subscription.make();
    }
    // The contract hash vouches for the shape; `contract: 'refuse'` makes that binding.
    return result as ResultOf<C>;
  }

  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe {
    return this.#announcer.receive(topic, callback);
  }

  status(): BridgeStatus {
    return this.#supervisor.status;
  }

  diagnostics(): Diagnostics {
    return this.#notebook.report(this.status());
  }

  suspend(): void {
    this.#supervisor.suspend();
  }

  resume(): void {
    this.#supervisor.resume();
  }

  on<K extends keyof BackendSignals>(
    name: K,
    callback: (payload: BackendSignals[K]) => void,
  ): Unsubscribe {
    return this.#announcer.on(name, callback);
  }

  #takeNotes(): void {
    const notebook = this.#notebook;
    this.on('status', (status) => {
      notebook.status(status);
      this.#log?.write(`state ${status.state}`);
    });
    this.on('exit', ({ expected, ...exit }) => {
      notebook.exit(exit, expected);
      this.#log?.write(`exit ${exit.code ?? exit.signal ?? 'never ran'}`);
    });
    this.on('stderr', (line) => {
      notebook.stderr(line);
      this.#log?.write(line);
    });
    this.on('noise', (noise) => notebook.noise(noise));
    this.on('warning', (warning) => {
      notebook.warning(warning);
      this.#log?.write(`warning ${warning.symbol}`);
    });
    this.on('rpc', (trace) => notebook.finished(trace));
    this.on('ready', ({ contractMatches, contractHash }) => {
      if (!contractMatches) {
        this.#warn(shimError('CONTRACT_MISMATCH', { details: { actual: contractHash } }));
      }
    });
  }

  #refuseMisfits(channel: string, params: JsonObject): void {
    // A backend with another contract may take what ours refuses; it looks for itself.
    if (serverOf(this.status())?.contractMatches !== false) {
      requireParams(channel, params);
    }
  }

  #changed(status: BridgeStatus): void {
    const server = serverOf(status);
    const isNew = server !== undefined && server !== this.#server;
    this.#server = server;
    if (isNew) {
      // First of all calls, so that no event is missed of what a listener does next.
      void this.#subscription.make();
    } else if (server === undefined) {
      this.#subscription.forget();
    }
    this.#announcer.entered(status);
  }

  #notified(method: string, payload: JsonObject): void {
    if (method !== 'event') {
      this.#announcer.notified(method, payload);
    } else if (isEvent(payload) && this.#subscription.accepts(payload)) {
      this.#announcer.happened(payload);
    }
  }

  #warn(error: BackendError): void {
    this.#announcer.tell('warning', error.toFailure());
  }
}

function isEvent(payload: JsonObject): payload is JsonObject & BackendEvent {
  return typeof payload['seq'] === 'number' && typeof payload['type'] === 'string';
}
