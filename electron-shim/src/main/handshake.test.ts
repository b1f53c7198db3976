import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { makeOptions } from '../testing/rig';
import { initializeParams } from './handshake';
import { type BackendOptions, resolveOptions } from './options';

/** Build the params that a backend with *databaseKey* gets. */
async function keysFor(databaseKey: BackendOptions['databaseKey']): Promise<unknown> {
  const more = databaseKey === undefined ? {} : { databaseKey };
  const { client, capability, parentPid, protocolVersion, ...keys } = await initializeParams(
    resolveOptions(makeOptions([], { capability: 'c', ...more })),
  );
  deepEqual(
    { client, capability, parentPid, protocolVersion },
    {
      client: { name: 'test', version: '0' },
      capability: 'c',
      parentPid: process.pid,
      protocolVersion: '1',
    },
  );
  return keys;
}

test('the key goes into initialize, and so does one whose change was cut short', async () => {
  deepEqual(await keysFor(undefined), {});
  deepEqual(await keysFor('k'), { databaseKey: 'k' });
  deepEqual(await keysFor(async () => 'k'), { databaseKey: 'k' });
  deepEqual(await keysFor(async () => ({ key: 'k' })), { databaseKey: 'k' });
  deepEqual(await keysFor(async () => ({ key: 'k', pending: 'p' })), {
    databaseKey: 'k',
    pendingDatabaseKey: 'p',
  });
});
