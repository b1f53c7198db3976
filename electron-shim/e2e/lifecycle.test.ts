/** A backend that dies and comes back, or does not; and a quit that leaves nothing in every state. */

import { equal, notEqual, ok } from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { lessonsOf } from './seedSchool';
import {
  backendPid,
  type Desk,
  family,
  goToFirstDay,
  launch,
  lesson,
  newPath,
  newSchool,
  python,
  shoot,
  untilGone,
  waitForState,
  windowOpenedBy,
} from './support';

test('a backend killed during a call comes back, and the lesson is booked once', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  const { app, page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);
  const pid = await backendPid(page);
  await page.fill('#student', 'paul');
  await page.getByRole('option', { name: 'Paul Østergård' }).click();
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', school.firstDay);
  await page.fill('#time', '15:00');

  process.kill(pid, 'SIGSTOP');
  await page.click('#book');
  await page.locator('#book:disabled', { hasText: 'Booking …' }).waitFor();
  process.kill(pid, 'SIGKILL');
  await page.locator('#backend-state[data-state=backoff]').waitFor();
  await shoot(desk, 'lifecycle-1-restarting');
  await page.locator('.card.good', { hasText: 'Paul Østergård' }).waitFor();
  await lesson(page, 'Paul Østergård', '15:00').waitFor();
  notEqual(await backendPid(page), pid);
  await page.click('#open-problems');
  await page.locator('.problem').first().waitFor();
  await page.getByRole('button', { name: 'Copy report' }).click();
  equal(await page.textContent('#copied'), 'Report copied.');
  await shoot(desk, 'lifecycle-2-what-went-wrong');
  const copied = await app.evaluate(({ clipboard }) => clipboard.readText());
  ok(copied.includes('the backend'), copied);

  await app.close();
  const stored = await lessonsOf(python, school.dataDir, school.students[7] ?? '');
  equal(stored.filter((start) => start === `${school.firstDay}T15:00`).length, 1);
});

test('a backend that cannot start says why and offers to try again', async (t) => {
  const desk = await launch(t, newPath('none'), { RPCBACKEND_PYTHON: '/nowhere/python' });
  const { page } = desk;
  await page.getByRole('heading', { name: 'The backend is not available' }).waitFor();
  await shoot(desk, 'lifecycle-3-failed');

  ok((await page.locator('#notice [role=alert]').textContent())?.includes('/nowhere/python'));
  ok(await page.getByRole('button', { name: 'Try again' }).isVisible());
  ok(await page.getByRole('button', { name: 'Book lesson' }).isDisabled());
});

/** A program in the place of Python that does what *script* says. */
function programThat(script: string): string {
  const path = newPath('program');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Quit, and wait until nothing is left of the app and all that it had started. */
async function quitWithoutRest({ app }: Desk): Promise<void> {
  const members = family(app.process().pid ?? 0);
  ok(members.length > 1, 'Electron alone is several processes');
  await app.close();
  untilGone(members);
}

async function quitIn(
  t: TestContext,
  state: string,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const desk = await launch(t, newPath('quit'), more);
  await desk.page.locator(`#backend-state[data-state=${state}]`).waitFor();
  await quitWithoutRest(desk);
}

test('a quit while the backend starts leaves no process', (t) =>
  quitIn(t, 'starting', { RPCBACKEND_PYTHON: programThat('exec sleep 600') }));

test('a quit while the backend waits for its next start leaves no process', (t) =>
  quitIn(t, 'backoff', { RPCBACKEND_PYTHON: programThat('exit 1') }));

test('a quit after the backend was given up leaves no process', (t) =>
  quitIn(t, 'failed', { RPCBACKEND_PYTHON: '/nowhere/python' }));

test('a quit during the first sign-in leaves no process', (t) => quitIn(t, 'ready', {}));

test('a quit of two windows while a call runs, and one more while it stops, leave no process', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  const { page, app } = desk;
  await goToFirstDay(page, school);
  await page.click('#account');
  const other = await windowOpenedBy(app, page.click('#new-desk'));
  await goToFirstDay(other, school);
  await page.evaluate(() => {
    const { send } = Reflect.get(window, 'school') as {
      send(c: string, p: object): Promise<object>;
    };
    void send('students.list', {});
  });
  await app.evaluate(({ app: electron }) => {
    electron.quit();
    electron.quit();
  });

  await quitWithoutRest(desk);
});

test('a backend that hears nothing any more is killed by the quit', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  await waitForState(desk.page, 'ready');
  process.kill(await backendPid(desk.page), 'SIGSTOP');

  await quitWithoutRest(desk);
});
