/** The desk in a plain browser over the HTTP mirror: the same page, another transport. */

import { deepEqual, equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { faultsOf } from './accessibility';
import { openBrowser, openPage, serveDesk } from './mirror';
import { owner, protectSchool } from './protectSchool';
import { zone } from './seedSchool';
import { goToFirstDay, lesson, newSchool, python, waitForState } from './support';

const screenshots = join(__dirname, '../../../e2e/screenshots');

async function signIn(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await page.fill('#login', owner.login);
  await page.fill('#password', owner.password);
  await page.click('#sign-in-button');
}

test('a lesson is booked in a browser, and every other desk sees it at once', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const mirror = await serveDesk(t, school.dataDir);
  const browser = await openBrowser(t);
  const errors: string[] = [];
  const page = await openPage(browser, mirror.url, zone, errors);
  const other = await openPage(browser, mirror.url, zone, errors);
  for (const one of [page, other]) {
    await signIn(one);
    await waitForState(one, 'ready');
    await goToFirstDay(one, school);
  }

  await page.fill('#student', 'zus');
  await page.getByRole('option', { name: 'Konrad Zuse' }).waitFor();
  await page.press('#student', 'Enter');
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', school.firstDay);
  await page.fill('#time', '12:00');
  await page.click('text=135 min');
  await page.getByRole('button', { name: 'Book lesson' }).click();
  await page.locator('.card.good').waitFor();

  await lesson(page, 'Konrad Zuse', '12:00').waitFor();
  await lesson(other, 'Konrad Zuse', '12:00').waitFor();
  await page.screenshot({ path: join(screenshots, 'browser-booked.png') });
  equal(await page.isHidden('#new-desk'), true);
  // Nothing of the session is anywhere but in the memory of the page.
  const kept = await page.evaluate(() => [
    document.cookie,
    localStorage.length + sessionStorage.length,
    Reflect.get(window, 'school') === undefined,
  ]);
  deepEqual(kept, ['', 0, true]);

  // The same slot again is refused with its reasons, as in Electron.
  await page.fill('#student', 'meitn');
  await page.getByRole('option', { name: 'Lotte Meitner' }).click();
  await page.getByRole('button', { name: 'Book lesson' }).click();
  const refusal = page.locator('#outcome [role=alert]');
  await refusal.locator('text=The instructor is already busy').waitFor();
  deepEqual(errors, []);
});

test('a backend that is restarted signs nobody out, and the desk catches up', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const first = await serveDesk(t, school.dataDir);
  const browser = await openBrowser(t);
  const errors: string[] = [];
  const page = await openPage(browser, first.url, zone, errors);
  await signIn(page);
  await goToFirstDay(page, school);

  await first.end();
  await waitForState(page, 'backoff');
  const second = await serveDesk(t, school.dataDir, first.port);
  equal(second.url, first.url);
  await waitForState(page, 'ready');
  await page.click('#to-students');
  await page.locator('#student-rows tr').nth(7).waitFor();

  await page.click('#account');
  await page.click('#sign-out');
  await signIn(page);
  await waitForState(page, 'ready');
  deepEqual(errors, []);
});

test('in a narrow window all stands below each other, wide enough to be used', async (t) => {
  const school = await newSchool();
  await protectSchool(python, school.dataDir);
  const mirror = await serveDesk(t, school.dataDir);
  const errors: string[] = [];
  const page = await openPage(await openBrowser(t), mirror.url, zone, errors);
  await page.setViewportSize({ width: 400, height: 800 });
  await signIn(page);
  await waitForState(page, 'ready');
  const widths = (...selectors: readonly string[]): Promise<readonly number[]> =>
    Promise.all(
      selectors.map(async (one) => Math.round((await page.locator(one).boundingBox())?.width ?? 0)),
    );

  deepEqual(await widths('#calendar', '#calendar-page .panel'), [376, 376]);
  deepEqual(await faultsOf(page), []);
  await page.click('#to-students');
  await page.locator('#student-rows tr').first().waitFor();
  deepEqual(await widths('#students-page .sheet', '#student-detail'), [376, 376]);
  deepEqual(await faultsOf(page), []);
  equal(await page.evaluate('document.documentElement.scrollWidth'), 400);
  deepEqual(errors, []);
});
