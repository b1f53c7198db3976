/** The real Python backend, end to end without Electron. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackendEvent, EventType } from '../shared/protocol';
import { failureOf, repository } from '../testing/rig';
import { type Backend, createBackend } from './backend';
import { FileKeystore } from './keystore';
import { pythonBackend } from './options';

const python = join(
  repository,
  process.platform === 'win32' ? '.venv/Scripts/python.exe' : '.venv/bin/python',
);

async function withBackend(
  use: (backend: Backend, dataDir: string) => Promise<void>,
  cwd: string = repository,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'shim-'));
  const backend = createBackend({
    backend: { ...pythonBackend(python, dataDir), cwd },
    client: { name: 'python.test', version: '0' },
    contract: 'refuse',
  });
  try {
    await backend.startServer();
    await use(backend, dataDir);
  } finally {
    await backend.stopServer();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test('the generated file is what the backend describes', () => {
  const described = execFileSync(
    python,
    ['-m', 'rpcbackend', 'describe', '--format', 'typescript'],
    {
      cwd: repository,
      encoding: 'utf8',
    },
  );

  equal(
    readFileSync(join(repository, 'electron-shim/src/generated/channels.gen.ts'), 'utf8'),
    described,
  );
});

test('the backend starts with our contract, answers, and stops by request with 0', () =>
  withBackend(async (backend) => {
    const health = await backend.send('system.health', {});
    equal(health.status, 'ok');

    const { how, exitCode } = await backend.stopServer();
    deepEqual({ how, exitCode }, { how: 'request', exitCode: 0 });
  }));

test('what is saved is told as an event and listed', () =>
  withBackend(async (backend) => {
    const told = new Promise<string>((resolve) => {
      backend.receive('branches.saved', (event) => resolve(event.aggregate.id));
    });
    // A call after ready queues behind the shim's own subscription.
    const branch = await backend.send('branches.save', {
      name: 'Mitte',
      zone: 'Europe/Berlin',
      currency: 'EUR',
    });

    equal(await told, branch.id);
    const { items } = await backend.send('branches.list', {});
    deepEqual(
      items.map(({ id, name }) => ({ id, name })),
      [{ id: branch.id, name: 'Mitte' }],
    );
  }));

test('events go on in a restored store, whose numbers went back', () =>
  withBackend(async (backend) => {
    const next = <T extends EventType>(type: T): Promise<BackendEvent> =>
      new Promise((resolve) => {
        const unsubscribe = backend.receive<EventType>(type, (event) => {
          unsubscribe();
          resolve(event as BackendEvent);
        });
      });
    const branch = { name: 'Mitte', zone: 'Europe/Berlin', currency: 'EUR' };
    await backend.send('branches.save', branch);
    const created = next('backups.created');
    await backend.send('backups.create', {});
    const backupId = (await created).aggregate.id;
    for (const number of [1, 2, 3]) {
      await backend.send('branches.save', { ...branch, name: `Nord ${number}` });
    }
    const restored = next('backups.restored');
    await backend.send('backups.restore', { backupId, mode: 'replace', confirmPhrase: backupId });
    await restored;
    const saved = next('branches.saved');

    const again = await backend.send('branches.save', { ...branch, name: 'Süd' });

    equal((await saved).aggregate.id, again.id);
  }));

test('a refused call keeps its symbol', () =>
  withBackend(async (backend) => {
    const failure = await failureOf(
      backend.send('students.get', { studentId: 'stu_01890a5d-ac96-774b-bcce-b302099a8057' }),
    );

    deepEqual([failure.symbol, failure.outcome], ['NOT_FOUND', 'none']);
    ok(failure.correlationId);
  }));

test('a killed backend comes back with its data', () =>
  withBackend(async (backend) => {
    await backend.send('branches.save', { name: 'Mitte', zone: 'Europe/Berlin', currency: 'EUR' });
    const status = backend.status();
    const ready = new Promise<void>((resolve) => {
      backend.on('ready', () => resolve());
    });

    process.kill(status.state === 'ready' ? status.server.pid : 0, 'SIGKILL');
    await ready;

    equal((await backend.send('branches.list', {})).items.length, 1);
  }));

test('a command that a killed backend had not read is done by the next one, once', () =>
  withBackend(async (backend) => {
    const status = backend.status();
    const pid = status.state === 'ready' ? status.server.pid : 0;
    process.kill(pid, 'SIGSTOP');
    const saved = backend.send('branches.save', {
      name: 'Mitte',
      zone: 'Europe/Berlin',
      currency: 'EUR',
    });

    process.kill(pid, 'SIGKILL');
    const branch = await saved;

    const { items } = await backend.send('branches.list', {});
    deepEqual(
      items.map(({ id }) => id),
      [branch.id],
    );
  }));

test('a command that was done before the kill is answered as it was, by its key', () =>
  withBackend(async (backend) => {
    const branch = { name: 'Mitte', zone: 'Europe/Berlin', currency: 'EUR' };
    const meta = { idempotencyKey: 'branch-1' };
    const first = await backend.send('branches.save', branch, { meta });
    const status = backend.status();
    const ready = new Promise<void>((resolve) => {
      backend.on('ready', () => resolve());
    });

    process.kill(status.state === 'ready' ? status.server.pid : 0, 'SIGKILL');
    await ready;
    const second: unknown = await backend.send('branches.save', branch, { meta });

    const { _meta: seen } = second as { _meta: { replayed: boolean } };
    deepEqual([(second as typeof first).id, seen.replayed], [first.id, true]);
  }));

test('a backend that is killed while its key is changed opens with one of the two', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'shim-'));
  const keystore = new FileKeystore(
    { path: join(dataDir, 'database.key'), passphrase: async () => 'correct horse' },
    { safeStorage: undefined, platform: process.platform },
  );
  const open = (): Backend =>
    createBackend({
      backend: { ...pythonBackend(python, join(dataDir, 'school')), cwd: repository },
      client: { name: 'python.test', version: '0' },
      databaseKey: () => keystore.databaseKey(),
    });
  const backend = open();
  try {
    await backend.startServer();
    await backend.send('branches.save', { name: 'Mitte', zone: 'Europe/Berlin', currency: 'EUR' });

    await keystore.changeKey((newDatabaseKey) => {
      const rekeyed = backend.send('keys.rekey', { newDatabaseKey });
      const status = backend.status();
      process.kill(status.state === 'ready' ? status.server.pid : 0, 'SIGKILL');
      // It may be repeated, so the next process is asked again.
      return rekeyed;
    });
    await backend.stopServer();
    const again = open();
    await again.startServer();

    equal((await again.send('branches.list', {})).items.length, 1);
    await again.stopServer();
  } finally {
    await backend.stopServer();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a json.py in the folder the app was started from is not run', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'shim-cwd-'));
  writeFileSync(join(cwd, 'json.py'), 'raise SystemExit("wrong json")');
  try {
    await withBackend(async (backend) => {
      equal((await backend.send('system.health', {})).status, 'ok');
    }, cwd);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
