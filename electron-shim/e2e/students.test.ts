/** The students: searched, looked at, booked for; and an accessible page all through. */

import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf } from './accessibility';
import { goToFirstDay, launch, newSchool, shoot, waitForState } from './support';

test('students are found without their accents, shown with their lessons, and booked for', async (t) => {
  const { dataDir, ...school } = await newSchool();
  const desk = await launch(t, dataDir);
  const { page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, { ...school });
  deepEqual(await faultsOf(page), []);

  await page.click('#to-students');
  await page.locator('#student-rows tr').nth(7).waitFor();
  await page.keyboard.type('alvarez');
  await page.locator('#student-count', { hasText: '1 student' }).waitFor();
  equal(await page.locator('#student-rows mark').textContent(), 'Álvarez');
  await page.getByRole('button', { name: 'Sofía Álvarez' }).click();
  await page.locator('#student-detail .lesson-list li').nth(1).waitFor();
  await shoot(desk, 'students-1-found');
  deepEqual(await faultsOf(page), []);

  await page.fill('#student-search', 'nobody of this name');
  await page.locator('#student-count', { hasText: 'Nobody fits' }).waitFor();
  await page.getByRole('button', { name: 'Book a lesson' }).click();
  equal(await page.inputValue('#student'), 'Sofía Álvarez');
  equal(await page.isVisible('#calendar-page'), true);
});

test('in the dark the desk is dark, and as readable', async (t) => {
  const { dataDir, ...school } = await newSchool();
  const desk = await launch(t, dataDir);
  const { page } = desk;
  await page.emulateMedia({ colorScheme: 'dark' });
  await waitForState(page, 'ready');
  await goToFirstDay(page, { ...school });
  await page.locator('.lesson').first().click();
  await shoot(desk, 'dark-1-lesson');
  await page.keyboard.press('Escape');
  await shoot(desk, 'dark-2-week');

  equal(
    await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    'rgb(20, 23, 28)',
  );
  deepEqual(await faultsOf(page), []);
});
