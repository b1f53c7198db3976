/** What crosses between a window and the main process: one invoke channel, one push channel. */

import type { Failure } from './errors';
import { isJsonObject, type JsonObject } from './json';
import type { BridgeStatus } from './status';

export const invokeChannel = 'shim:rpc';
export const pushChannel = 'shim:event';

export type Invocation =
  | { readonly kind: 'call'; readonly channel: string; readonly params: unknown }
  | { readonly kind: 'status' };

/** Rejected invocations keep only their message in Electron, so errors travel as values. */
export type Envelope<R> =
  | { readonly ok: true; readonly result: R }
  | { readonly ok: false; readonly error: Failure };

export type Push =
  | { readonly kind: 'status'; readonly status: BridgeStatus }
  | {
      readonly kind: 'notification';
      readonly topics: readonly string[];
      readonly payload: unknown;
    };

/** What the preload puts on `window.school`; untyped, `createClient` gives it types. */
export interface SchoolPort {
  send(channel: string, params: unknown): Promise<Envelope<unknown>>;
  receive(topic: string, callback: (payload: unknown) => void): () => void;
  status(): Promise<Envelope<BridgeStatus>>;
  onStatus(callback: (status: BridgeStatus) => void): () => void;
}

/** Read what a window sent; undefined when it is nothing the shim knows. */
export function readInvocation(value: unknown): Invocation | undefined {
  if (!isJsonObject(value)) {
    return undefined;
  }
  if (value['kind'] === 'status') {
    return { kind: 'status' };
  }
  return readCall(value);
}

function readCall(value: JsonObject): Invocation | undefined {
  const channel = value['channel'];
  return value['kind'] === 'call' && typeof channel === 'string'
    ? { kind: 'call', channel, params: value['params'] }
    : undefined;
}
