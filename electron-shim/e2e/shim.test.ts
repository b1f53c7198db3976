/** The bridge, the preload and the keystore in the real Electron, over a backend without a process. */

import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SchoolPort } from '../src/shared/ipc';
import { launchApp } from '../src/testing';

// Bundled to dist/test/e2e.
const main = join(__dirname, '../../../e2e/shim/main.cjs');

test('errors, progress, giving up and rights cross into a sandboxed window', async (t) => {
  const { app, page, close } = await launchApp({
    app: main,
    executablePath: process.env['ELECTRON'] ?? '',
  });
  t.after(close);
  await page.waitForFunction(() => 'school' in window);

  const answers = await page.evaluate(async () => {
    const school = Reflect.get(window, 'school') as SchoolPort;
    const steps: unknown[] = [];
    school.onProgress((id, value) => {
      steps.push([id, value]);
      school.cancel(id);
    });
    return {
      listed: await school.send('branches.list', {}),
      forbidden: await school.send('vehicles.list', {}),
      notHere: await school.send('ping', {}),
      misfit: await school.send('branches.list', { colour: 'red' }),
      givenUp: await school.send('jobs.list', {}, { id: 'a', wantsProgress: true }),
      steps,
      uncloneable: await school
        .send('branches.list', { colour: () => 'red' })
        .catch((error: unknown) => String(error)),
    };
  });

  const symbol = (answer: Awaited<ReturnType<SchoolPort['send']>>): string =>
    answer.ok ? 'ok' : answer.error.symbol;
  deepEqual(answers.listed, { ok: true, result: { items: [] } });
  deepEqual([answers.forbidden, answers.notHere, answers.misfit, answers.givenUp].map(symbol), [
    'FORBIDDEN',
    'CHANNEL_REFUSED',
    'INVALID_PARAMS',
    'CALL_CANCELLED',
  ]);
  deepEqual(!answers.forbidden.ok && answers.forbidden.error.details, {
    permission: 'vehicles:read',
  });
  deepEqual(answers.steps, [['a', { kind: 'report', done: 1, total: 2 }]]);
  match(String(answers.uncloneable), /could not be cloned/);
  deepEqual(await app.evaluate(() => Reflect.get(globalThis, 'seen')), {
    withoutLock: 'SECOND_INSTANCE',
    keystore: { bare: 'KEYRING_INSECURE', isKept: true, protection: 'passphrase' },
  });
  equal(await close(), 'quit');
});

test('a page that is reloaded has given its calls up, and the next one keeps its own', async (t) => {
  const { app, page, close } = await launchApp({
    app: main,
    executablePath: process.env['ELECTRON'] ?? '',
  });
  t.after(close);
  await page.waitForFunction(() => 'school' in window);
  await page.evaluate(() => {
    const school = Reflect.get(window, 'school') as SchoolPort;
    void school.send('jobs.list', {});
  });

  // Before anything else that the next page does.
  await page.addInitScript(() => {
    const school = Reflect.get(window, 'school') as SchoolPort;
    Reflect.set(window, 'first', school.send('students.list', {}));
  });
  await page.reload();
  const first = await page.evaluate(() => Reflect.get(window, 'first') as unknown);

  deepEqual(first, { ok: true, result: { items: [] } });
  equal(await app.evaluate(() => Reflect.get(globalThis, 'givenUp')), 1);
  equal(await close(), 'quit');
});
