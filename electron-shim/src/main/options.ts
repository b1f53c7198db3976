/** What can be set, and what holds when it is not. */

import { randomBytes } from 'crypto';
import type { Channel } from '../generated/channels.gen';
import type { ParamsOf, ResultOf } from '../shared/protocol';
import { base64Url } from './base64Url';
import type { ConnectionLimits } from './connection';
import type { HeartbeatLimits } from './heartbeat';
import type { LogFileOptions } from './logFile';
import type { RestartLimits } from './restartPolicy';
import type { StopLimits } from './stopLadder';

/** The program that serves; *command* is absolute: a packaged app has no useful PATH. */
export interface BackendProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
}

/** Call a channel. @throws BackendError */
export type Send = <C extends Channel>(channel: C, params: ParamsOf<C>) => Promise<ResultOf<C>>;

/** Keys are 32 bytes in base64url. */
export interface DatabaseKey {
  readonly key: string;
  /** Of a change of keys that was cut short: one of the two opens the store. */
  readonly pending?: string;
}

export interface BackendOptions {
  readonly backend: BackendProgram;
  /** Who calls, told to the backend in `initialize`. */
  readonly client: { readonly name: string; readonly version: string };
  /** The key of an encrypted store, or where to get it; goes over stdin only. */
  readonly databaseKey?: string | (() => Promise<string | DatabaseKey>);
  /** 32 bytes in base64url that open main-only channels; drawn at random when left out. */
  readonly capability?: string;
  /** What to do when the backend was built from another contract. */
  readonly contract?: 'warn' | 'refuse';
  /** Which events to subscribe to: all, the named ones, or none. */
  readonly events?: 'all' | 'none' | readonly string[];
  /** Runs after every start, before any other call: a new process does not know who is signed in. */
  readonly signIn?: (send: Send) => Promise<unknown>;
  /** Added to the allow-listed environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Until `system.ready`, which comes behind a migration of the store. */
  readonly startTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly limits?: Partial<ConnectionLimits>;
  readonly restart?: Partial<RestartLimits>;
  readonly shutdown?: Partial<StopLimits>;
  readonly heartbeat?: Partial<HeartbeatLimits>;
  /** After how long the signal `slow` tells of a call; 0 is never. */
  readonly slowCallMs?: number;
  /** Where stderr, states and exits are written as well. */
  readonly logFile?: LogFileOptions;
}

export interface ResolvedOptions extends BackendOptions {
  readonly capability: string;
  readonly contract: 'warn' | 'refuse';
  readonly events: 'all' | 'none' | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly startTimeoutMs: number;
  readonly limits: ConnectionLimits;
  readonly restart: RestartLimits;
  readonly shutdown: StopLimits;
  readonly heartbeat: HeartbeatLimits;
  readonly slowCallMs: number;
}

/** Fill in the defaults. */
export function resolveOptions(options: BackendOptions): ResolvedOptions {
  return {
    ...options,
    capability: options.capability ?? base64Url(randomBytes(32)),
    contract: options.contract ?? 'warn',
    events: options.events ?? 'all',
    env: options.env ?? {},
    startTimeoutMs: options.startTimeoutMs ?? 600_000,
    slowCallMs: options.slowCallMs ?? 1_000,
    limits: {
      timeoutMs: options.requestTimeoutMs ?? 30_000,
      maxMs: 600_000,
      cancelGraceMs: 1_000,
      // What the backend has at work and in its queue (protocol.md section 7).
      maxInFlight: 1_280,
      // Twice the backend's own limit of 16 MiB.
      maxReplyBytes: 33_554_432,
      maxRequestBytes: 4_194_304,
      ...options.limits,
    },
    restart: {
      maxCrashes: 4,
      windowMs: 180_000,
      baseMs: 250,
      factor: 2,
      maxMs: 10_000,
      jitter: 0.2,
      stableMs: 60_000,
      ...options.restart,
    },
    shutdown: {
      requestMs: 3_000,
      eofMs: 2_000,
      termMs: 2_000,
      totalMs: 8_000,
      ...options.shutdown,
    },
    heartbeat: {
      intervalMs: 15_000,
      timeoutMs: 10_000,
      misses: 3,
      onDead: 'report',
      ...options.heartbeat,
    },
  };
}

/**
 * The installed Python backend: `python -P -m rpcbackend serve`.
 *
 * Without `-P` a `json.py` in the folder that the app was started from would replace Python's own.
 */
export function pythonBackend(python: string, dataDir: string): BackendProgram {
  return { command: python, args: ['-P', '-m', 'rpcbackend', 'serve', '--data-dir', dataDir] };
}
