/** Booking at the desk: found, booked, refused with reasons, suggested. */

import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { shortDate } from '../example/renderer/base/week';
import { lessonsOf } from './seedSchool';
import { goToFirstDay, launch, lesson, newSchool, python, shoot, waitForState } from './support';

test('a lesson is booked and stored, and the same slot is refused with reasons and a way out', async (t) => {
  const school = await newSchool();
  const { firstDay, students, dataDir } = school;
  const desk = await launch(t, dataDir);
  const { app, page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);
  equal(await page.locator(`.day[data-date="${firstDay}"] .lesson`).count(), 5);

  // A lesson is booked with the keyboard and the form.
  await page.fill('#student', 'zus');
  await page.getByRole('option', { name: 'Konrad Zuse' }).waitFor();
  await shoot(desk, 'booking-1-search');
  await page.press('#student', 'Enter');
  equal(await page.inputValue('#student'), 'Konrad Zuse');
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', firstDay);
  await page.fill('#time', '12:00');
  await page.click('text=135 min');
  await page.locator('#slot-list button').first().waitFor();
  await page.getByRole('button', { name: 'Book lesson' }).click();
  await page.locator('.card.good').waitFor();
  await lesson(page, 'Konrad Zuse', '12:00').waitFor();
  await shoot(desk, 'booking-2-booked');

  // The same slot again is refused, with what it collides with and what is free.
  await page.fill('#student', 'meitn');
  await page.getByRole('option', { name: 'Lotte Meitner' }).click();
  await page.getByRole('button', { name: 'Book lesson' }).click();
  const refusal = page.locator('#outcome [role=alert]');
  await refusal.waitFor();
  const text = (await refusal.textContent()) ?? '';
  ok(text.includes('The instructor is already busy'), text);
  ok(text.includes(`${shortDate(firstDay)}, 12:00 – 14:15 · Lesson of Konrad Zuse`), text);
  ok(text.includes('Rule K1'), text);
  await shoot(desk, 'booking-3-refused');

  // An alternative is one click away.
  await refusal.getByRole('button').first().click();
  await page.locator('.card.good', { hasText: 'Lotte Meitner' }).waitFor();

  // The next free time is chosen by one more, and anybody who is free will do.
  await page.fill('#student', 'sofia');
  await page.getByRole('option', { name: 'Sofía Álvarez' }).click();
  await page.selectOption('#instructor', '');
  const slots = page.locator('#slot-list button');
  await slots.filter({ hasText: 'Henrik Brandt' }).first().waitFor();
  await shoot(desk, 'booking-4-slots');
  await slots.filter({ hasText: 'Henrik Brandt' }).first().click();
  await page.getByRole('button', { name: 'Book lesson' }).click();
  await page.locator('.card.good', { hasText: 'Sofía Álvarez' }).waitFor();

  // Closed, it leaves the data behind.
  await app.close();
  const stored = await lessonsOf(python, dataDir, students[3] ?? '');
  ok(stored.includes(`${firstDay}T12:00`), stored.join());
  equal((await lessonsOf(python, dataDir, students[2] ?? '')).length, 3);
});
