import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../shared/errors';
import type { SchoolPort } from '../shared/ipc';
import { shimError } from '../shared/shimErrors';
import { createClient } from './index';

function makePort(send: SchoolPort['send']): SchoolPort {
  return {
    send,
    receive: () => () => undefined,
    status: async () => ({ ok: true, result: { state: 'stopped' } }),
    onStatus: () => () => undefined,
  };
}

test('an error comes out of the envelope as the class it was', async () => {
  const failure = shimError('BACKEND_LOST', { outcome: 'unknown' }).toFailure();
  const client = createClient(
    makePort(async () => ({ ok: false, error: structuredClone(failure) })),
  );

  await rejects(client.send('ping', {}), (error: unknown) => {
    deepEqual(error instanceof BackendError && error.toFailure(), failure);
    return true;
  });
});

test('meta travels in the params', async () => {
  const client = createClient(
    makePort(async (channel, params) => ({ ok: true, result: { channel, params } })),
  );

  deepEqual(await client.send('ping', {}, { idempotencyKey: 'k' }), {
    channel: 'ping',
    params: { _meta: { idempotencyKey: 'k' } },
  });
});
