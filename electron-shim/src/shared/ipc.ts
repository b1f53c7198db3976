/** What crosses between a window and the main process: one invoke channel, one push channel. */

import type { Failure } from './errors';
import { isJsonObject, type JsonObject } from './json';
import type { ProgressValue } from './protocol';
import type { BridgeStatus } from './status';

export const invokeChannel = 'shim:rpc';
export const pushChannel = 'shim:event';

export type Invocation =
  | ({ readonly kind: 'call'; readonly channel: string; readonly params: unknown } & PortOptions)
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'status' };

/** How a window wants a call to be done. */
export interface PortOptions {
  /** Names the call to `cancel` and in its progress; unique in its window. */
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly wantsProgress?: boolean;
}

/** Rejected invocations keep only their message in Electron, so errors travel as values. */
export type Envelope<R> =
  | { readonly ok: true; readonly result: R }
  | { readonly ok: false; readonly error: Failure };

export type Push =
  | { readonly kind: 'status'; readonly status: BridgeStatus }
  | { readonly kind: 'progress'; readonly id: string; readonly value: ProgressValue }
  | {
      readonly kind: 'notification';
      readonly topics: readonly string[];
      readonly payload: unknown;
    };

/** What the preload puts on `window.school`; untyped, `createClient` gives it types. */
export interface SchoolPort {
  send(channel: string, params: unknown, options?: PortOptions): Promise<Envelope<unknown>>;
  /** Give a call up; it still settles, and tells whether it took effect. */
  cancel(id: string): void;
  receive(topic: string, callback: (payload: unknown) => void): () => void;
  status(): Promise<Envelope<BridgeStatus>>;
  onStatus(callback: (status: BridgeStatus) => void): () => void;
  onProgress(callback: (id: string, value: ProgressValue) => void): () => void;
}

/** Read what a window sent; undefined when it is nothing the shim knows. */
export function readInvocation(value: unknown): Invocation | undefined {
  if (!isJsonObject(value)) {
    return undefined;
  }
  switch (value['kind']) {
    case 'status':
      return { kind: 'status' };
    case 'cancel':
      return typeof value['id'] === 'string' ? { kind: 'cancel', id: value['id'] } : undefined;
    case 'call':
      return readCall(value);
    default:
      return undefined;
  }
}

function readCall(value: JsonObject): Invocation | undefined {
  const { channel, params, id, timeoutMs, wantsProgress } = value;
  if (typeof channel !== 'string') {
    return undefined;
  }
  return {
    kind: 'call',
    channel,
    params,
    ...(typeof id === 'string' ? { id } : {}),
    // Timers take no more than 2^31 ms.
    ...(isDuration(timeoutMs) ? { timeoutMs: Math.min(timeoutMs, 2 ** 31 - 1) } : {}),
    wantsProgress: wantsProgress === true,
  };
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}
