/** The states of the backend as windows see them. */

import type { Failure } from './errors';
import type { ServerInfo } from './protocol';

/**
 * stopped → starting → ready ⇄ degraded → stopping → stopped; a crash goes through backoff or ends
 * in failed.
 */
export type BridgeStatus =
  | { readonly state: 'stopped' }
  | { readonly state: 'starting'; readonly attempt: number }
  | { readonly state: 'ready'; readonly server: ServerInfo }
  /** It runs, and has not answered this many pings; calls are still sent. */
  | { readonly state: 'degraded'; readonly server: ServerInfo; readonly misses: number }
  | {
      readonly state: 'backoff';
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: Failure;
    }
  | { readonly state: 'stopping' }
  | {
      readonly state: 'failed';
      readonly reason: Failure;
      /** The last lines the backend wrote to stderr, oldest first. */
      readonly stderrTail: readonly string[];
    };

/** Return the backend that calls go to, if there is one. */
export function serverOf(status: BridgeStatus): ServerInfo | undefined {
  return status.state === 'ready' || status.state === 'degraded' ? status.server : undefined;
}
