/** The states of the backend as windows see them. */

import type { Failure } from './errors';
import type { ServerInfo } from './protocol';

/** stopped → starting → ready → stopping → stopped; a crash goes through backoff or ends in failed. */
export type BridgeStatus =
  | { readonly state: 'stopped' }
  | { readonly state: 'starting'; readonly attempt: number }
  | { readonly state: 'ready'; readonly server: ServerInfo }
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
