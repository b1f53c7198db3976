/** Supervised stand-ins for tests, and waits without sleeps. */

import { join } from 'path';
import type { Noise } from '../main/ndjson';
import { type BackendOptions, type BackendProgram, resolveOptions } from '../main/options';
import { Supervisor } from '../main/supervisor';
import { BackendError } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import type { BridgeStatus } from '../shared/status';

/** Bundled tests live in dist/test/src/main, the stand-in two folders beside. */
const standIn = join(__dirname, '../testing/standIn.child.cjs');

/** The root of the repository, seen from dist/test/src/main. */
export const repository = join(__dirname, '../../../../..');

export function standInProgram(...flags: readonly string[]): BackendProgram {
  return { command: process.execPath, args: [standIn, ...flags] };
}

export function makeOptions(
  flags: readonly string[],
  more: Partial<BackendOptions> = {},
): BackendOptions {
  return {
    backend: standInProgram(...flags),
    client: { name: 'test', version: '0' },
    startTimeoutMs: 10_000,
    restart: { baseMs: 1, jitter: 0 },
    shutdown: { requestMs: 5_000, eofMs: 5_000, termMs: 5_000, totalMs: 15_000 },
    ...more,
  };
}

export interface Rig {
  readonly supervisor: Supervisor;
  readonly statuses: readonly BridgeStatus[];
  readonly noises: readonly Noise[];
  readonly warnings: readonly string[];
  readonly exits: readonly { readonly code: number | null; readonly expected: boolean }[];
  /** Wait until a status like this has come, after those already looked at. */
  readonly reached: (state: BridgeStatus['state']) => Promise<BridgeStatus>;
}

export function makeRig(flags: readonly string[] = [], more: Partial<BackendOptions> = {}): Rig {
  const statuses: BridgeStatus[] = [];
  const noises: Noise[] = [];
  const warnings: string[] = [];
  const exits: { code: number | null; expected: boolean }[] = [];
  let lookedAt = 0;
  let wake: () => void = () => undefined;
  const ignore = (): void => undefined;
  const supervisor = new Supervisor(resolveOptions(makeOptions(flags, more)), {
    status: (status) => {
      statuses.push(status);
      wake();
    },
    exit: (exit, expected) => exits.push({ code: exit.code, expected }),
    noise: (noise) => noises.push(noise),
    stderr: ignore,
    notification: ignore,
    warning: (error) => warnings.push(error.symbol),
  });
  const reached = async (state: BridgeStatus['state']): Promise<BridgeStatus> => {
    for (;;) {
      const status = statuses[lookedAt];
      if (status === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        lookedAt += 1;
        if (status.state === state) {
          return status;
        }
      }
    }
  };
  return { supervisor, statuses, noises, warnings, exits, reached };
}

/** Run *use* with a started stand-in and stop it whatever happens. */
export async function withStandIn(
  use: (
    call: (channel: string, params?: JsonObject) => Promise<JsonObject>,
    rig: Rig,
  ) => Promise<void>,
  flags: readonly string[] = [],
  more: Partial<BackendOptions> = {},
): Promise<void> {
  const rig = makeRig(flags, more);
  try {
    await rig.supervisor.start();
    await use((channel, params = {}) => rig.supervisor.call(channel, params), rig);
  } finally {
    await rig.supervisor.stop();
  }
}

/** Return the BackendError of a promise that must fail. */
export async function failureOf(promise: Promise<unknown>): Promise<BackendError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BackendError) {
      return error;
    }
    throw error;
  }
  throw new Error('it did not fail');
}

/** Return the symbol of a promise that must fail. */
export async function symbolOf(promise: Promise<unknown>): Promise<string> {
  return (await failureOf(promise)).symbol;
}
