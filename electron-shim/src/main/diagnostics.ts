/** What happened, kept small, for a report that a user can mail. */

import { arch, homedir, release } from 'os';
import { contractHash } from '../generated/channels.gen';
import type { Failure } from '../shared/errors';
import type { ServerInfo } from '../shared/protocol';
import { type BridgeStatus, serverOf } from '../shared/status';
import type { Exit } from './backendProcess';
import type { Noise } from './ndjson';
import type { BackendProgram } from './options';
import { redactAll, redactor } from './redact';
import type { CallTrace } from './trace';

export interface Diagnostics {
  readonly madeAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly program: BackendProgram;
  readonly client: { readonly name: string; readonly version: string };
  /** Of the contract that the shim was built for. */
  readonly contractHash: string;
  readonly state: BridgeStatus['state'];
  /** Why it does not run, if it does not. */
  readonly reason: { readonly symbol: string; readonly message: string } | undefined;
  readonly server: ServerInfo | undefined;
  /** The last states, oldest first. */
  readonly states: readonly { readonly at: string; readonly state: string }[];
  readonly exits: readonly {
    readonly at: string;
    readonly code: number | null;
    readonly signal: string | null;
    readonly expected: boolean;
  }[];
  /** Lines on the backend's stdout that were no messages; their text may be anything. */
  readonly noise: { readonly lines: number; readonly byReason: Readonly<Record<string, number>> };
  readonly warnings: readonly { readonly at: string; readonly symbol: string }[];
  readonly calls: {
    readonly finished: number;
    /** How many came to what: `ok`, or a symbol. */
    readonly outcomes: Readonly<Record<string, number>>;
    /** Of the last thousand, in ms. */
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly slowest: readonly CallTrace[];
    /** The last ones, newest last. */
    readonly recent: readonly CallTrace[];
  };
  readonly memoryMiB: number;
  readonly stderrTail: readonly string[];
}

const keptStates = 50;
const keptExits = 20;
const keptWarnings = 20;
const keptTraces = 1_000;
const keptLines = 200;
const shownTraces = 50;
const shownSlowest = 10;

/** Take note of what a backend tells. */
export class Notebook {
  readonly #program: BackendProgram;
  readonly #client: Diagnostics['client'];
  readonly #states: { at: string; state: string }[] = [];
  readonly #exits: { at: string; code: number | null; signal: string | null; expected: boolean }[] =
    [];
  readonly #warnings: { at: string; symbol: string }[] = [];
  readonly #traces: CallTrace[] = [];
  readonly #lines: string[] = [];
  readonly #noise = new Map<string, number>();
  readonly #outcomes = new Map<string, number>();

  constructor(program: BackendProgram, client: Diagnostics['client']) {
    this.#program = program;
    this.#client = client;
  }

  status({ state }: BridgeStatus): void {
    keep(this.#states, { at: now(), state }, keptStates);
  }

  exit({ code, signal }: Exit, expected: boolean): void {
    keep(this.#exits, { at: now(), code, signal, expected }, keptExits);
  }

  noise({ reason }: Noise): void {
    count(this.#noise, reason);
  }

  warning({ symbol }: Failure): void {
    keep(this.#warnings, { at: now(), symbol }, keptWarnings);
  }

  stderr(line: string): void {
    keep(this.#lines, line, keptLines);
  }

  finished(trace: CallTrace): void {
    count(this.#outcomes, trace.outcome);
    keep(this.#traces, trace, keptTraces);
  }

  /**
   * Report, without keys, params, mail addresses and the path of the home directory.
   *
   * What the backend wrote to stderr stays, but for these: a stray print may name anybody.
   */
  report(status: BridgeStatus): Diagnostics {
    const durations = this.#traces.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
    const slowest = [...this.#traces].sort((a, b) => b.durationMs - a.durationMs);
    const report: Diagnostics = {
      madeAt: now(),
      machine: describeMachine(),
      program: this.#program,
      client: this.#client,
      contractHash: '',
      state: status.state,
      reason: reasonOf(status),
      server: undefined,
      states: this.#states,
      exits: this.#exits,
      noise: { lines: sum(this.#noise), byReason: toObject(this.#noise) },
      warnings: this.#warnings,
      calls: {
        finished: sum(this.#outcomes),
        outcomes: toObject(this.#outcomes),
        p50Ms: quantile(durations, 0.5),
        p99Ms: quantile(durations, 0.99),
        slowest: slowest.slice(0, shownSlowest),
        recent: this.#traces.slice(-shownTraces),
      },
      memoryMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
      stderrTail: this.#lines,
    };
    // The hashes look like secrets, and are none.
    return { ...redactAll(report, redactor(homedir())), contractHash, server: serverOf(status) };
  }
}

function reasonOf(status: BridgeStatus): Diagnostics['reason'] {
  if (status.state !== 'failed' && status.state !== 'backoff') {
    return undefined;
  }
  const { symbol, message } = status.reason;
  return { symbol, message };
}

function describeMachine(): Readonly<Record<string, string>> {
  const {
    electron = 'none',
    chrome = 'none',
    node,
  } = process.versions as NodeJS.ProcessVersions & {
    readonly electron?: string;
    readonly chrome?: string;
  };
  return { platform: process.platform, release: release(), arch: arch(), electron, chrome, node };
}

function now(): string {
  return new Date().toISOString();
}

function keep<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) {
    list.shift();
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0);
}

function toObject(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries(counts);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
