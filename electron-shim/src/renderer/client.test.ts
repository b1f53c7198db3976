import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../shared/errors';
import type { SchoolPort } from '../shared/ipc';
import { shimError } from '../shared/shimErrors';
import type { BridgeStatus } from '../shared/status';
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

test('the status is told now and after every change, but never an older one last', async () => {
  const heard: string[] = [];
  let push: (status: BridgeStatus) => void = () => undefined;
  let answer: (status: BridgeStatus) => void = () => undefined;
  const port: SchoolPort = {
    ...makePort(async () => ({ ok: true, result: {} })),
    status: () =>
      new Promise((resolve) => {
        answer = (result) => resolve({ ok: true, result });
      }),
    onStatus: (callback) => {
      push = callback;
      return () => undefined;
    },
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  createClient(port).onStatus(({ state }) => heard.push(`first ${state}`));
  answer({ state: 'starting', attempt: 1 });
  await turn();
  createClient(port).onStatus(({ state }) => heard.push(`second ${state}`));
  push({ state: 'stopping' });
  answer({ state: 'starting', attempt: 1 });
  await turn();
  createClient(port).onStatus(({ state }) => heard.push(`third ${state}`))();
  answer({ state: 'stopped' });
  await turn();

  deepEqual(heard, ['first starting', 'second stopping']);
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
