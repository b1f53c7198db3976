import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError, createClient, type SchoolPort } from '../../../src/renderer';
import { guard } from './guard';
import { holds, mayUse, readAbout } from './rights';

type Answer = Awaited<ReturnType<SchoolPort['send']>>;

function refusal(symbol: string): Answer {
  return {
    ok: false,
    error: {
      ...{ code: 1, symbol, type: 'business', message: symbol },
      ...{ retryable: false, outcome: 'none' },
    },
  };
}

function portAnswering(...answers: Answer[]): SchoolPort {
  return {
    send: async () => answers.shift() ?? { ok: true, result: {} },
    cancel: () => undefined,
    receive: () => () => undefined,
    onProgress: () => () => undefined,
    status: async () => ({ ok: true, result: { state: 'stopped' } }),
    onStatus: () => () => undefined,
  };
}

test('a call that wants somebody signed in waits until somebody is, and is sent again', async () => {
  const steps: string[] = [];
  const port = portAnswering(refusal('SESSION_EXPIRED'), refusal('UNAUTHENTICATED'));
  const client = guard(createClient(port), {
    signIn: async (symbol) => {
      steps.push(`asked for ${symbol}`);
    },
    failed: (channel) => steps.push(`failed ${channel}`),
  });

  await client.send('ping', {});

  deepEqual(steps, ['asked for SESSION_EXPIRED', 'asked for UNAUTHENTICATED']);
});

test('every other failure is noted and thrown', async () => {
  const steps: string[] = [];
  const client = guard(createClient(portAnswering(refusal('FORBIDDEN'))), {
    signIn: async () => undefined,
    failed: (channel, error) =>
      steps.push(`${channel} ${error instanceof BackendError ? error.symbol : ''}`),
  });

  await rejects(client.send('ping', {}), BackendError);

  deepEqual(steps, ['ping FORBIDDEN']);
});

test('a window without an app to ask may what its user may', () => {
  const about = readAbout(undefined);
  const board = readAbout({ kind: 'board', channels: ['calendar.view'] });

  deepEqual([about.kind, mayUse(about, 'lessons.book')], ['desk', true]);
  deepEqual([board.kind, mayUse(board, 'calendar.view')], ['board', true]);
  deepEqual(mayUse(board, 'lessons.book'), false);
});

test('while nobody has to sign in everything is held, and before that is known nothing', () => {
  const me = { isLocal: false, user: null, session: null, roles: [], permissions: {} };

  deepEqual(holds(undefined, 'lessons:book'), false);
  deepEqual(holds(me, 'lessons:book'), false);
  deepEqual(holds({ ...me, permissions: { 'lessons:book': 'own' } }, 'lessons:book'), true);
  deepEqual(holds({ ...me, isLocal: true }, 'lessons:book'), true);
});
