/** A transcript is served back (protocol.md section 10). */

import { deepEqual, equal, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Channel, contractHash } from '../generated/channels.gen';
import { ReplayBackend, type ReplayOptions } from './replayBackend';
import { failureOf, symbolOf } from './rig';

const header = {
  format: 'rpcbackend-transcript/1',
  version: '0.1.0',
  contractHash,
  seed: '00',
  startedAt: '2026-11-28T06:00:00.000Z',
  schemaVersion: 1,
};

const branchId = 'bra_01890a5d-ac96-774b-bcce-b302099a8057';

const studentId = 'stu_01890a5d-ac96-774b-bcce-b302099a8057';

type Line = readonly ['in' | 'out' | 'event', unknown];

const ask = (id: number, method: string, params: object): Line => [
  'in',
  { jsonrpc: '2.0', id, method, params },
];
const answer = (id: number, result: object): Line => ['out', { jsonrpc: '2.0', id, result }];
const tell = (method: string, params: object): Line => [
  'event',
  { jsonrpc: '2.0', method, params },
];

const session: readonly Line[] = [
  tell('system.ready', { name: 'rpcbackend' }),
  // What the shim itself calls is nothing that an app would ask for.
  ask(0, 'initialize', { protocolVersion: '1' }),
  answer(0, { capabilities: {} }),
  ask(-1, 'events.subscribe', {}),
  answer(-1, { headSeq: 7 }),
  ['in', '<unreadable:12>'],
  ask(1, 'branches.list', {}),
  ask(2, 'students.create', {
    branchId,
    givenName: '<personal:1>',
    familyName: '<personal:2>',
    bornOn: '<personal:3>',
    _meta: { idempotencyKey: 'k1' },
  }),
  // Replies come in any order.
  answer(2, { student: { id: 'stu_1', givenName: '<personal:1>', familyName: '<personal:2>' } }),
  tell('event', { seq: 8, type: 'students.created', data: { name: '<personal:1>' } }),
  answer(1, { items: [] }),
  [
    'in',
    [
      { jsonrpc: '2.0', id: 3, method: 'branches.list', params: {} },
      { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } },
    ],
  ],
  ['out', [{ jsonrpc: '2.0', id: 3, result: { items: ['second'] } }]],
  ask(4, 'students.get', { studentId }),
  [
    'out',
    {
      jsonrpc: '2.0',
      id: 4,
      error: {
        code: 1102,
        message: 'There is no such record.',
        data: { code: 'NOT_FOUND', type: 'business', outcome: 'none', retryable: false },
      },
    },
  ],
  ask(5, 'jobs.list', {}),
];

function toText(lines: readonly Line[]): string {
  const entries = lines.map(([dir, msg], index) => ({ t: index, dir, conn: 'c1', msg }));
  return [header, ...entries].map((line) => `${JSON.stringify(line)}\n`).join('');
}

async function serve(options?: ReplayOptions): Promise<ReplayBackend> {
  const backend = new ReplayBackend(toText(session), options);
  await backend.startServer();
  return backend;
}

const call = (backend: ReplayBackend, channel: string, params: object): Promise<unknown> =>
  backend.send(channel as Channel, params as never);

const ada = { branchId, givenName: 'Ada', familyName: 'Byron', bornOn: '2005-12-10' };

test('a call is answered as it was, each time it was made, and then as the last time', async () => {
  const backend = await serve();

  deepEqual(await call(backend, 'branches.list', {}), { items: [] });
  deepEqual(await call(backend, 'branches.list', {}), { items: ['second'] });
  deepEqual(await call(backend, 'branches.list', {}), { items: ['second'] });
});

test('what was taken out matches anything, and comes back as what it was this time', async () => {
  const backend = await serve();
  const told = new Promise<unknown>((resolve) => {
    backend.receive('students.created', ({ data }) => resolve(data));
  });

  deepEqual(await call(backend, 'students.create', ada), {
    student: { id: 'stu_1', givenName: 'Ada', familyName: 'Byron' },
  });

  deepEqual(await told, { name: 'Ada' });
  // From then on it is that.
  equal(
    await symbolOf(call(backend, 'students.create', { ...ada, givenName: 'Eve' })),
    'NOT_RECORDED',
  );
});

test('the key and the rest of meta may differ', async () => {
  const backend = await serve();

  const { student } = (await call(backend, 'students.create', {
    ...ada,
    _meta: { idempotencyKey: 'another' },
  })) as { student: { id: string } };

  equal(student.id, 'stu_1');
});

test('a recorded refusal is a refusal', async () => {
  const failure = await failureOf(call(await serve(), 'students.get', { studentId }));

  deepEqual(
    [failure.code, failure.symbol, failure.type, failure.outcome],
    [1102, 'NOT_FOUND', 'business', 'none'],
  );
});

test('what was not recorded says what was', async () => {
  const failure = await failureOf(call(await serve(), 'vehicles.list', {}));

  deepEqual(
    [failure.symbol, failure.message],
    ['NOT_RECORDED', 'The transcript has 0 calls of vehicles.list, none with these params.'],
  );
});

test('in order, only the next call is answered', async () => {
  const backend = await serve({ mode: 'order' });

  const failure = await failureOf(call(backend, 'branches.list', {}));
  equal(
    failure.message,
    'The transcript goes on with students.create, not with this branches.list.',
  );
  await call(backend, 'students.create', ada);
  deepEqual(await call(backend, 'branches.list', {}), { items: [] });
  deepEqual(await call(backend, 'branches.list', {}), { items: ['second'] });

  equal(backend.unserved.length, 1);
});

test('what was told before the first reply is told at the start', async () => {
  const backend = new ReplayBackend(toText(session));
  const heard: unknown[] = [];
  backend.receive('system.ready', ({ name }) => heard.push(name));

  await backend.startServer();

  deepEqual(heard, ['rpcbackend']);
});

test('a transcript of another contract is served as it is', async () => {
  const other = toText([
    ask(1, 'branches.list', { isNew: true }),
    answer(1, { items: ['recorded'] }),
  ]).replace(contractHash, 'f'.repeat(64));
  const backend = new ReplayBackend(other);

  equal((await backend.startServer()).contractMatches, false);
  deepEqual(await call(backend, 'branches.list', { isNew: true }), { items: ['recorded'] });
});

test('a transcript is read from its file, and anything else is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shim-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'session.jsonl');
  writeFileSync(path, toText(session));

  equal(ReplayBackend.fromFile(path).unserved.length, 4);
  for (const text of ['', '{}', 'x', '[]', '{"format":"rpcbackend-transcript/2"}']) {
    throws(() => new ReplayBackend(text), SyntaxError);
  }
});
