import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError, type BridgeStatus, type SchoolClient } from '../../../src/renderer';
import { sendOnce } from './commands';

const lost = new BackendError({
  ...{ code: 1, symbol: 'BACKEND_LOST', type: 'system', message: 'It ended.' },
  ...{ retryable: false, outcome: 'unknown' },
});

/** A client whose first calls fail, and whose backend then is as *states* say. */
function failing(faults: readonly BackendError[], ...states: readonly BridgeStatus[]) {
  const keys: unknown[] = [];
  const client: Partial<SchoolClient> = {
    send: async (_channel, _params, meta) => {
      keys.push(meta?.idempotencyKey);
      const fault = faults[keys.length - 1];
      if (fault !== undefined) {
        throw fault;
      }
      return {} as never;
    },
    onStatus: (callback) => {
      for (const status of states) {
        callback(status);
      }
      return () => undefined;
    },
  };
  return { client: client as SchoolClient, keys };
}

const ready = { state: 'ready', server: {} } as BridgeStatus;
const cancel = { lessonId: 'les_1', by: 'school', reasonCode: 'other' } as const;

test('a command whose outcome is open is sent again under the same key, once there is a backend', async () => {
  const starting: BridgeStatus = { state: 'starting', attempt: 2 };
  const { client, keys } = failing([lost], starting, ready);

  await sendOnce(client, 'lessons.cancel', cancel);

  deepEqual([keys.length, new Set(keys).size], [2, 1]);
});

test('two commands have two keys', async () => {
  const { client, keys } = failing([]);

  await sendOnce(client, 'lessons.cancel', cancel);
  await sendOnce(client, 'lessons.cancel', cancel);

  deepEqual(new Set(keys).size, 2);
});

test('a refusal is certain, and so is a backend that does not come back', async () => {
  const refused = new BackendError({ ...lost.toFailure(), outcome: 'none', symbol: 'NOT_FOUND' });
  const once = failing([refused], ready);
  const gone = failing([lost], { state: 'stopped' });

  await rejects(sendOnce(once.client, 'lessons.cancel', cancel), { symbol: 'NOT_FOUND' });
  await rejects(sendOnce(gone.client, 'lessons.cancel', cancel), { symbol: 'BACKEND_LOST' });

  deepEqual([once.keys.length, gone.keys.length], [1, 1]);
});

test('after four deliveries nobody tries any more', async () => {
  const { client, keys } = failing([lost, lost, lost, lost, lost], ready);

  await rejects(sendOnce(client, 'lessons.cancel', cancel), { symbol: 'BACKEND_LOST' });

  deepEqual(keys.length, 4);
});
