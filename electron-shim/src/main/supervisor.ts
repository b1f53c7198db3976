/** Keeps a backend running: starts it, restarts it with pacing, gives up, stops it. */

import type { BackendError } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import type { ServerInfo } from '../shared/protocol';
import { asBackendError, shimError } from '../shared/shimErrors';
import { type BridgeStatus, serverOf } from '../shared/status';
import { type Exit, noExit } from './backendProcess';
import type { CallOptions } from './call';
import { Deferred } from './deferred';
import { deliver, type Lives, type Patience } from './delivery';
import { exitReason, isFinalFailure } from './exitReason';
import { Heartbeat } from './heartbeat';
import type { ResolvedOptions } from './options';
import { RestartPolicy } from './restartPolicy';
import {
  nothingToStop,
  Session,
  type SessionObserver,
  type StopOptions,
  type StopReport,
} from './session';
import { WaitingRoom } from './waitingRoom';

export interface SupervisorObserver extends SessionObserver {
  status(status: BridgeStatus): void;
  exit(exit: Exit, expected: boolean): void;
}

const statusTailLines = 10;

/** Own at most one session at a time. */
export class Supervisor implements Lives {
  readonly #options: ResolvedOptions;
  readonly #observer: SupervisorObserver;
  readonly #policy: RestartPolicy;
  #status: BridgeStatus = { state: 'stopped' };
  #session: Session | undefined;
  #started: Deferred<ServerInfo> | undefined;
  #stopping: Promise<StopReport> | undefined;
  #stops = 0;
  #backoff: NodeJS.Timeout | undefined;
  #heartbeat: Heartbeat | undefined;
  readonly #waitingRoom = new WaitingRoom();

  constructor(options: ResolvedOptions, observer: SupervisorObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#policy = new RestartPolicy(options.restart);
  }

  get status(): BridgeStatus {
    return this.#status;
  }

  /**
   * Start, or join the start under way; resolves when the backend serves.
   *
   * @throws BackendError why it will not: SPAWN_FAILED, BACKEND_FAILED, CONTRACT_MISMATCH, …
   */
  async start(): Promise<ServerInfo> {
    // Without a stop to wait for, the state is `starting` as soon as this returns.
    const stops = this.#stops;
    while (this.#stopping !== undefined) {
      await this.#stopping;
      // The last word counts: whoever stopped after this start wants no backend.
      if (this.#stops !== stops) {
        throw shimError('BACKEND_STOPPED');
      }
    }
    const server = serverOf(this.#status);
    if (server !== undefined) {
      return server;
    }
    if (this.#started !== undefined) {
      return this.#started.promise;
    }
    this.#policy.reset();
    const started = new Deferred<ServerInfo>();
    this.#started = started;
    this.#launch(1);
    return started.promise;
  }

  /** Stop, or join the stop under way; never throws. */
  stop(options: StopOptions = {}): Promise<StopReport> {
    this.#stops += 1;
    if (options.immediate === true) {
      // Also when a stop is under way that would take its time.
      this.#session?.kill();
    }
    if (this.#stopping === undefined) {
      // Known before anybody hears of it: a listener may stop or start again.
      const stopped = new Deferred<StopReport>();
      this.#stopping = stopped.promise;
      const forget = (): void => {
        this.#stopping = undefined;
      };
      this.#stop(options).finally(forget).then(stopped.resolve, stopped.reject);
    }
    return this.#stopping;
  }

  /** Call *channel*; while the backend starts the call waits for it (`deliver` tells the rest). */
  call(channel: string, params: JsonObject, options: CallOptions = {}): Promise<JsonObject> {
    const { timeoutMs = this.#options.limits.timeoutMs } = options;
    return deliver(this, channel, params, { ...options, timeoutMs });
  }

  /** Call the backend that serves now, and none after it. */
  async callNow(channel: string, params: JsonObject): Promise<JsonObject> {
    return this.#serving().call(channel, params);
  }

  /** The machine goes to sleep: who does not answer is not dead. */
  suspend(): void {
    this.#heartbeat?.pause();
  }

  resume(): void {
    this.#heartbeat?.resume();
  }

  get stops(): number {
    return this.#stops;
  }

  async serving(patience: Patience): Promise<Session> {
    while (this.#status.state === 'starting' || this.#status.state === 'backoff') {
      if (this.#status.state === 'backoff' && !patience.outlastsCrash) {
        throw shimError('BACKEND_RESTARTING', { retryAfterMs: this.#status.delayMs });
      }
      await this.#waitingRoom.wait(this.#started?.promise, patience);
    }
    return this.#serving();
  }

  #serving(): Session {
    if (this.#session === undefined || serverOf(this.#status) === undefined) {
      throw shimError('BACKEND_STOPPED');
    }
    return this.#session;
  }

  #launch(attempt: number): void {
    const session = this.#spawn();
    if (session === undefined) {
      return;
    }
    // Everything is in place before a status is told: a listener may stop or start at once.
    this.#session = session;
    this.#enter({ state: 'starting', attempt });
    let failure: BackendError | undefined;
    let readyAtMs: number | undefined;
    session.open().then(
      (server) => {
        if (this.#session !== session || this.#status.state !== 'starting') {
          return;
        }
        readyAtMs = Date.now();
        this.#started?.resolve(server);
        this.#started = undefined;
        this.#watch(session, server);
        this.#enter({ state: 'ready', server });
      },
      (error: unknown) => {
        failure = asBackendError(error);
        // The exit that follows decides what is next; one that even SIGKILL does not bring, too.
        void session.stop().then(({ how }) => {
          if (how === 'abandoned') {
            this.#ended(session, noExit, failure, 0);
          }
        });
      },
    );
    void session.exited.then((exit) => {
      const uptimeMs = readyAtMs === undefined ? 0 : Date.now() - readyAtMs;
      this.#ended(session, exit, failure, uptimeMs);
    });
  }

  #watch(session: Session, server: ServerInfo): void {
    const { heartbeat } = this.#options;
    this.#heartbeat = new Heartbeat(heartbeat, {
      ping: (timeoutMs) => session.answersPing(timeoutMs),
      answered: () => {
        if (this.#status.state === 'degraded') {
          this.#enter({ state: 'ready', server });
        }
      },
      fellSilent: (misses) => {
        this.#enter({ state: 'degraded', server, misses });
        if (heartbeat.onDead === 'restart') {
          session.kill();
        }
      },
    });
  }

  /** Spawn the child; some faults of the path or the arguments are thrown instead of told. */
  #spawn(): Session | undefined {
    try {
      return new Session(this.#options, this.#observer);
    } catch (error) {
      const spawnError = error instanceof Error ? error : new Error(String(error));
      const exit = { ...noExit, spawnError };
      this.#fail(exitReason(exit, undefined), exit);
      this.#observer.exit(exit, false);
      return undefined;
    }
  }

  #ended(session: Session, exit: Exit, failure: BackendError | undefined, uptimeMs: number): void {
    if (this.#session !== session) {
      return;
    }
    const isExpected = this.#stopping !== undefined;
    this.#session = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    if (!isExpected) {
      this.#recover(exit, failure, uptimeMs);
    }
    this.#observer.exit(exit, isExpected);
  }

  /** Start again after a pause, or give up. */
  #recover(exit: Exit, failure: BackendError | undefined, uptimeMs: number): void {
    const reason = exitReason(exit, failure);
    const verdict = isFinalFailure(exit, failure)
      ? ({ kind: 'give-up' } as const)
      : this.#policy.crashed(Date.now(), uptimeMs);
    if (verdict.kind === 'give-up') {
      this.#fail(reason, exit);
      return;
    }
    const { attempt, delayMs } = verdict;
    this.#started ??= new Deferred();
    this.#backoff = setTimeout(() => this.#launch(attempt + 1), delayMs);
    this.#enter({ state: 'backoff', attempt, delayMs, reason: reason.toFailure() });
  }

  #fail(reason: BackendError, exit: Exit): void {
    const stderrTail = exit.stderrTail.slice(-statusTailLines);
    this.#started?.reject(reason);
    this.#started = undefined;
    this.#enter({ state: 'failed', reason: reason.toFailure(), stderrTail });
  }

  async #stop(options: StopOptions): Promise<StopReport> {
    clearTimeout(this.#backoff);
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    const session = this.#session;
    this.#started?.reject(shimError('BACKEND_STOPPED'));
    this.#started = undefined;
    if (session !== undefined) {
      this.#enter({ state: 'stopping' });
    }
    const report = (await session?.stop(options)) ?? nothingToStop;
    this.#session = undefined;
    if (this.#status.state !== 'stopped') {
      this.#enter({ state: 'stopped' });
    }
    return report;
  }

  #enter(status: BridgeStatus): void {
    this.#status = status;
    this.#observer.status(status);
  }
}
