import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../shared/errors';
import type { SchoolPort } from '../shared/ipc';
import type { ProgressValue } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import type { BridgeStatus } from '../shared/status';
import { symbolOf } from '../testing/rig';
import { createClient, type DelayWarning } from './index';

function makePort(send: SchoolPort['send']): SchoolPort {
  return {
    send,
    receive: () => () => undefined,
    status: async () => ({ ok: true, result: { state: 'stopped' } }),
    onStatus: () => () => undefined,
    cancel: () => undefined,
    onProgress: () => () => undefined,
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

test('an answer says by its type what is delayed, and what it is beside its result', async () => {
  const message = 'Mail cannot be reached since 08:00: what goes that way is sent later.';
  const since = '2026-11-23T08:00:00Z';
  const warnings = [{ code: 'DELAYED', channel: 'mail', reason: 'unreached', since, message }];
  const client = createClient(
    makePort(async () => ({ ok: true, result: { _meta: { seq: 7, warnings } } })),
  );

  const { _meta } = await client.send('lessons.cancel', {
    lessonId: 'les_1',
    by: 'school',
    reasonCode: 'other',
  });

  const told: readonly DelayWarning[] = _meta?.warnings ?? [];
  const reasons: readonly ('unreached' | 'switched_off')[] = told.map(({ reason }) => reason);
  deepEqual([_meta?.seq, reasons, told.map((each) => each.message)], [7, ['unreached'], [message]]);
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

test('a signal gives the call up by its name, and one that was given before sends nothing', async () => {
  const sent: unknown[] = [];
  const cancelled: string[] = [];
  let settle: () => void = () => undefined;
  const client = createClient({
    ...makePort((channel, _params, options) => {
      sent.push([channel, options?.id]);
      return new Promise((resolve) => {
        settle = () =>
          resolve({
            ok: false,
            error: shimError('CALL_CANCELLED', { outcome: 'none' }).toFailure(),
          });
      });
    }),
    cancel: (id) => {
      cancelled.push(id);
      settle();
    },
  });
  const controller = new AbortController();
  const call = symbolOf(client.send('ping', {}, { signal: controller.signal }));

  controller.abort();

  equal(await call, 'CALL_CANCELLED');
  equal(await symbolOf(client.send('ping', {}, { signal: AbortSignal.abort() })), 'CALL_CANCELLED');
  deepEqual(sent, [['ping', cancelled[0]]]);
});

test('progress reaches the call that asked for it, that of a job until its end', async () => {
  let push: (id: string, value: ProgressValue) => void = () => undefined;
  const ids: string[] = [];
  const client = createClient({
    ...makePort(async (_channel, _params, { id = '', wantsProgress } = {}) => {
      if (wantsProgress === true) {
        ids.push(id);
      }
      return { ok: true, result: ids.length === 1 ? { jobId: 'job_1' } : {} };
    }),
    onProgress: (callback) => {
      push = callback;
      return () => undefined;
    },
  });
  const heard: string[] = [];

  await client.send('ping', {}, { onProgress: ({ kind }) => heard.push(`job ${kind}`) });
  await client.send('ping', {}, { onProgress: ({ kind }) => heard.push(`call ${kind}`) });
  await client.send('ping', {});
  for (const kind of ['report', 'end', 'report'] as const) {
    for (const id of ids) {
      push(id, { kind });
    }
  }

  deepEqual([ids.length, heard], [2, ['job report', 'job end']]);
});

test('the limit of a call is told to the backend, and kept by the shim a moment later', async () => {
  const seen: unknown[] = [];
  const client = createClient(
    makePort(async (_channel, params, options) => {
      seen.push([params, options?.timeoutMs]);
      return { ok: true, result: {} };
    }),
  );

  await client.send('ping', {}, { timeoutMs: 500 });
  await client.send('ping', {}, { timeoutMs: 300_000 });
  await client.send('ping', {}, { timeoutMs: 0 });

  deepEqual(seen, [
    [{ _meta: { timeoutMs: 500 } }, 1_500],
    [{}, 301_000],
    [{}, 0],
  ]);
});

test('what Electron does not carry fails as everything does', async () => {
  const fail = (text: string) => async (): Promise<never> => {
    throw new Error(text);
  };
  const uncloneable = createClient(makePort(fail('An object could not be cloned.')));
  const gone = fail("Error invoking remote method 'shim:rpc': Error: No handler registered");
  const disposed = createClient({ ...makePort(gone), status: gone });

  equal(await symbolOf(uncloneable.send('ping', {})), 'PARAMS_REFUSED');
  equal(await symbolOf(disposed.send('ping', {})), 'BACKEND_STOPPED');
  equal(await symbolOf(disposed.status()), 'BACKEND_STOPPED');
});
