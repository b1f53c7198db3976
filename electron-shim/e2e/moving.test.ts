/** Lessons are moved: by the mouse, by the keyboard, to another instructor, and not onto another. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { addDays } from '../example/renderer/base/week';
import { faultsOf } from './accessibility';
import {
  type Desk,
  drag,
  drop,
  goToFirstDay,
  launch,
  lesson,
  newSchool,
  type Point,
  shoot,
  waitForState,
} from './support';

/** The middle of an hour of a column. */
async function spot(page: Page, column: string, time: string): Promise<Point> {
  const box = await page.locator(column).boundingBox();
  const hours = await page.locator('.hour').allTextContents();
  const first = Number(hours[0]?.slice(0, 2));
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  const hourPixels = (box?.height ?? 0) / hours.length;
  const y = (box?.y ?? 0) + (hour + minute / 60 - first) * hourPixels;
  return [(box?.x ?? 0) + (box?.width ?? 0) / 2, y];
}

/** Drag the first lesson of *student* by its upper edge to a time of *column*, and hold it there. */
async function carry(desk: Desk, student: string, column: string, time: string): Promise<Point> {
  const box = await lesson(desk.page, student).first().boundingBox();
  const [x, y] = await spot(desk.page, column, time);
  const to: Point = [x, y + 4];
  await drag(desk, [(box?.x ?? 0) + 20, (box?.y ?? 0) + 4], to);
  return to;
}

test('a lesson is dragged to another day, taken back, and refused where it collides', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  const { page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);
  const tomorrow = `.day[data-date="${addDays(school.firstDay, 1)}"]`;

  const there = await carry(desk, 'Ada Byron', tomorrow, '14:00');
  await page.locator('.ghost', { hasText: '14:00 – 15:30' }).waitFor();
  await shoot(desk, 'moving-1-dragged');
  await drop(desk, there);
  const toast = page.locator('.toast', { hasText: 'Ada Byron moved to' });
  await toast.waitFor();
  await page
    .locator(`${tomorrow} .lesson`, { hasText: 'Ada Byron' })
    .filter({ hasText: '14:00' })
    .waitFor();
  await shoot(desk, 'moving-2-moved');

  await toast.getByRole('button', { name: 'Undo' }).click();
  await page.locator('.toast', { hasText: 'is back at' }).waitFor();
  await lesson(page, 'Ada Byron', '08:00').waitFor();

  // Onto Jonas Krüger, who is taught by the same instructor then.
  await drop(desk, await carry(desk, 'Ada Byron', tomorrow, '09:00'));
  const refusal = page.locator('.toasts [role=alert]');
  await refusal.waitFor();
  const text = (await refusal.textContent()) ?? '';
  ok(text.includes('The instructor is already busy'), text);
  ok(text.includes('Lesson of Jonas Krüger'), text);
  await shoot(desk, 'moving-3-refused');
  await refusal.locator('.alternatives button').first().click();
  await page.locator('.toast', { hasText: 'Ada Byron moved to' }).waitFor();
  equal(await refusal.count(), 0);
});

test('a lesson is moved by the keyboard, and in the view by instructor to another one', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  const { page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);

  await lesson(page, 'Mina Yılmaz', '14:00').focus();
  for (const key of ['m', 'ArrowDown', 'ArrowDown', 'ArrowRight']) {
    await page.keyboard.press(key);
  }
  await page.locator('.ghost', { hasText: '14:30 – 16:45' }).waitFor();
  await shoot(desk, 'moving-4-keyboard');
  ok((await page.textContent('#said'))?.includes('14:30 – 16:45'));
  await page.keyboard.press('Enter');
  await page.locator('.toast', { hasText: 'Mina Yılmaz moved to' }).waitFor();
  equal(await page.evaluate(() => document.activeElement?.textContent?.includes('Mina')), true);

  // Escape leaves a lesson where it was.
  await page.keyboard.press('m');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Escape');
  equal(await page.locator('.ghost').count(), 0);

  await page.click(`[data-day="${school.firstDay}"]`);
  await page.locator('.day-head[title^="Yasmin Demir"]').waitFor();
  equal(await page.locator('.day').count(), 3);
  const yasmin = `.day[data-instructor="${school.instructors[2]}"]`;
  const there = await carry(desk, 'Ada Byron', yasmin, '12:00');
  await shoot(desk, 'moving-5-by-instructor');
  await drop(desk, there);
  await page.locator(`${yasmin} .lesson`, { hasText: 'Ada Byron' }).waitFor();

  // Enter opens it, with all there is to know, and the way to cancel it.
  await lesson(page, 'Ada Byron').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Ada Byron' }).waitFor();
  await shoot(desk, 'moving-6-lesson');
  deepEqual(await faultsOf(page), []);
  await page.getByRole('button', { name: 'Cancel lesson …' }).click();
  await page.getByRole('button', { name: 'Cancel this lesson' }).click();
  await page.locator('.toast', { hasText: 'is cancelled' }).waitFor();
  await lesson(page, 'Ada Byron').waitFor({ state: 'detached' });
});
