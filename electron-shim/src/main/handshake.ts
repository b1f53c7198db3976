/** From the first line of a backend to a connection that serves. */

import { contractHash } from '../generated/channels.gen';
import type { JsonObject } from '../shared/json';
import { protocolVersion, type Ready, type ServerInfo } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import type { ResolvedOptions } from './options';

/** Read the params of `system.ready`; undefined when a member is missing. */
export function readReady(params: JsonObject): Ready | undefined {
  return isReady(params) ? params : undefined;
}

function isReady(params: JsonObject): params is JsonObject & Ready {
  const texts = ['name', 'version', 'protocolVersion', 'contractHash'];
  return (
    texts.every((name) => typeof params[name] === 'string') &&
    typeof params['pid'] === 'number' &&
    typeof params['locked'] === 'boolean' &&
    typeof params['bootMs'] === 'number'
  );
}

/**
 * Decide whether to go on with the backend that said *ready*.
 *
 * @throws BackendError PROTOCOL_MISMATCH, CONTRACT_MISMATCH (when told to refuse), KEY_REQUIRED.
 */
export function admit(ready: Ready, options: ResolvedOptions): ServerInfo {
  if (ready.protocolVersion !== protocolVersion) {
    throw shimError('PROTOCOL_MISMATCH', {
      details: { expected: protocolVersion, actual: ready.protocolVersion },
    });
  }
  const contractMatches = ready.contractHash === contractHash;
  if (!contractMatches && options.contract === 'refuse') {
    throw shimError('CONTRACT_MISMATCH', {
      details: { expected: contractHash, actual: ready.contractHash },
    });
  }
  if (ready.locked && options.databaseKey === undefined) {
    throw shimError('KEY_REQUIRED');
  }
  return { ...ready, contractMatches };
}

/** Build the params of `initialize`; the key is asked for only now. */
export async function initializeParams(options: ResolvedOptions): Promise<JsonObject> {
  const { client, databaseKey, capability } = options;
  const given = typeof databaseKey === 'function' ? await databaseKey() : databaseKey;
  const { key, pending } = typeof given === 'object' ? given : { key: given };
  return {
    protocolVersion,
    client,
    ...(key === undefined ? {} : { databaseKey: key }),
    ...(pending === undefined ? {} : { pendingDatabaseKey: pending }),
    capability,
    parentPid: process.pid,
  };
}
