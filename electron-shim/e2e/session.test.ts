/** Coming in and going: the first owner, a second factor, a session that ends while somebody types. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { faultsOf } from './accessibility';
import { owner, protectSchool } from './protectSchool';
import {
  backendPid,
  goToFirstDay,
  launch,
  newPath,
  newSchool,
  python,
  shoot,
  waitForState,
  windowOpenedBy,
} from './support';
import { totp } from './totp';

async function signIn(page: Page, password: string = owner.password): Promise<void> {
  await page.fill('#login', owner.login);
  await page.fill('#password', password);
  await page.click('#sign-in-button');
}

test('a new school makes its first owner, who is asked for from then on', async (t) => {
  const dataDir = newPath('new');
  const desk = await launch(t, dataDir);
  const { page } = desk;
  await page.getByRole('heading', { name: 'Welcome to your school' }).waitFor();
  await page.fill('#login', owner.login);
  await page.fill('#password', 'too short');
  await page.fill('#password-again', 'too short');
  await page.click('#sign-in-button');
  await page.locator('#sign-in-error', { hasText: '12 characters or more' }).waitFor();
  await shoot(desk, 'first-run-1-welcome');
  deepEqual(await faultsOf(page), []);

  await page.fill('#password', owner.password);
  await page.fill('#password-again', owner.password);
  await page.click('#sign-in-button');
  await page.getByRole('heading', { name: 'Your school is still empty' }).waitFor();
  equal(await page.textContent('#account'), owner.login);
  await shoot(desk, 'first-run-2-empty');
  ok((await page.textContent('#notice'))?.includes('seed --students 560'));

  // The first things: a branch, an instructor, a vehicle, a student, a lesson.
  await page.fill('#set-up-branch', 'Mitte');
  await page.fill('#set-up-givenName', 'Cora');
  await page.fill('#set-up-familyName', 'Weiß');
  await page.fill('#set-up-plate', 'B-FS 101');
  await page.fill('#set-up-model', 'VW Golf');
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.waitForSelector('#notice', { state: 'hidden' });
  await page.click('#to-students');
  await page.click('#new-student');
  await page.fill('#enrolment-givenName', 'Ada');
  await page.fill('#enrolment-familyName', 'Byron');
  await page.fill('#enrolment-bornOn', '2008-12-10');
  await shoot(desk, 'first-run-3-student');
  await page.getByRole('button', { name: 'Enrol', exact: true }).click();
  await page.locator('#student-detail h2', { hasText: 'Ada Byron' }).waitFor();
  await page.getByRole('button', { name: 'Book a lesson' }).click();
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.locator('#slot-list button').last().click();
  await page.click('#book');
  await page.locator('.card.good', { hasText: 'Ada Byron' }).waitFor();
  await shoot(desk, 'first-run-4-booked');

  await page.click('#account');
  await page.click('#sign-out');
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
});

test('a wrong password is told, a code is asked for, and no token reaches the window', async (t) => {
  const school = await newSchool();
  const secret = await protectSchool(python, school.dataDir, 'with a second factor');
  const desk = await launch(t, school.dataDir);
  const { page } = desk;
  await signIn(page, 'not the password at all');
  await page.locator('#sign-in-error', { hasText: 'do not fit' }).waitFor();
  await shoot(desk, 'sign-in-1-refused');

  await signIn(page);
  await page.locator('#mfa-field').waitFor();
  await shoot(desk, 'sign-in-2-code');
  deepEqual(await faultsOf(page), []);
  // The code of the enrolment counts once; the next one is good already.
  await page.fill('#mfa-code', totp(secret, Date.now() + 30_000));
  await page.click('#sign-in-button');
  await goToFirstDay(page, school);
  equal(await page.textContent('#account'), owner.login);
});

test('a session that ends brings the sign-in back, and what was typed is still there and done', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const desk = await launch(t, school.dataDir);
  const { page } = desk;
  await signIn(page);
  await goToFirstDay(page, school);
  await page.fill('#student', 'paul');
  await page.getByRole('option', { name: 'Paul Østergård' }).click();
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', school.firstDay);
  await page.fill('#time', '15:00');

  // Another window of this desk, or the owner elsewhere, ends the session.
  const ended = await page.evaluate(async () => {
    interface Port {
      send(channel: string, params: object): Promise<{ ok: boolean; result: unknown }>;
    }
    const { send } = Reflect.get(window, 'school') as Port;
    const { result } = await send('auth.me', {});
    const sessionId = (result as { session: { id: string } }).session.id;
    return (await send('sessions.revoke', { sessionId })).ok;
  });
  equal(ended, true);
  await page.click('#book');
  await page.getByRole('heading', { name: 'Sign in again' }).waitFor();
  await shoot(desk, 'sign-in-3-expired');
  equal(await page.inputValue('#login'), owner.login);
  await page.fill('#password', owner.password);
  await page.click('#sign-in-button');
  await page.locator('.card.good', { hasText: 'Paul Østergård' }).waitFor();
});

test('a backend that starts anew still knows who is signed in', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const { page } = await launch(t, school.dataDir);
  await signIn(page);
  await goToFirstDay(page, school);
  const answers = await page.evaluate(async () => {
    const { send } = Reflect.get(window, 'school') as {
      send(c: string, p: object): Promise<object>;
    };
    return JSON.stringify(
      await send('auth.login', { login: 'owner', password: 'a horse of another colour' }),
    );
  });
  deepEqual(
    Object.entries(JSON.parse(answers).result).filter(([name]) => name.endsWith('Token')),
    [
      ['accessToken', ''],
      ['refreshToken', ''],
    ],
  );

  process.kill(await backendPid(page), 'SIGKILL');
  await page.waitForSelector('#backend-state:not([data-state=ready])');
  await waitForState(page, 'ready');
  await page.fill('#student', 'ada');
  await page.getByRole('option', { name: 'Ada Byron' }).click();
  equal(await page.isVisible('#sign-in'), false);

  // And its events are heard again.
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', school.firstDay);
  await page.fill('#time', '15:00');
  await page.click('#book');
  await page.locator('#last-event', { hasText: 'a lesson was booked' }).waitFor();
});

test('who signs out in one window is out in all, and who signs in is in in all', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const { app, page } = await launch(t, school.dataDir);
  await signIn(page);
  await goToFirstDay(page, school);
  await page.click('#account');
  const other = await windowOpenedBy(app, page.click('#new-desk'));
  await goToFirstDay(other, school);

  await page.click('#account');
  await page.click('#sign-out');
  for (const window of [page, other]) {
    await window.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
    equal(await window.locator('.lesson').count(), 0);
  }

  await signIn(other);
  for (const window of [other, page]) {
    await goToFirstDay(window, school);
    equal(await window.isVisible('#sign-in'), false);
  }
});
