/** Several windows: what one books the others show, and a wall display only shows. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { faultsOf } from './accessibility';
import type { SeededSchool } from './seedSchool';
import {
  drag,
  drop,
  goToFirstDay,
  launch,
  lesson,
  newSchool,
  shoot,
  waitForState,
  windowOpenedBy,
} from './support';

/** Book Paul Østergård for the afternoon of the first day. */
async function bookPaul(page: Page, { firstDay }: SeededSchool): Promise<void> {
  await page.fill('#student', 'paul');
  await page.getByRole('option', { name: 'Paul Østergård' }).click();
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', firstDay);
  await page.fill('#time', '15:00');
  await page.click('#book');
}

test('what one window books another one shows at once', async (t) => {
  const school = await newSchool();
  const desk = await launch(t, school.dataDir);
  const { app, page } = desk;
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);
  await page.click('#account');
  const other = await windowOpenedBy(app, page.click('#new-desk'));
  await goToFirstDay(other, school);

  await bookPaul(page, school);

  await lesson(other, 'Paul Østergård', '15:00').waitFor();
  await other.locator('#last-event', { hasText: 'a lesson was booked' }).waitFor();
  await shoot({ app, page: other }, 'windows-1-live');
});

test('a window without rights shows the week, is refused the rest, and says why', async (t) => {
  const school = await newSchool();
  const { app, page } = await launch(t, school.dataDir);
  await waitForState(page, 'ready');
  await goToFirstDay(page, school);
  await page.click('#account');
  const wall = await windowOpenedBy(app, page.click('#new-board'));
  const board = { app, page: wall };
  await goToFirstDay(wall, school);
  await wall.getByRole('heading', { name: 'View only' }).waitFor();
  equal(await wall.isVisible('#book-form'), false);
  equal(await wall.isVisible('#to-students'), false);

  await bookPaul(page, school);
  await lesson(wall, 'Paul Østergård', '15:00').waitFor();

  // Whoever drags all the same is told by the main process, in the window and in its record.
  const box = await lesson(wall, 'Ada Byron').first().boundingBox();
  const [x, y] = [(box?.x ?? 0) + 20, (box?.y ?? 0) + 10];
  await drag(board, [x, y], [x, y + 120]);
  await drop(board, [x, y + 120]);
  await wall.locator('.toasts [role=alert]', { hasText: 'This window may not do that' }).waitFor();
  await shoot(board, 'windows-2-view-only');
  await wall.click('#open-problems');
  await wall.locator('.problem', { hasText: 'CHANNEL_REFUSED' }).waitFor();
  await shoot(board, 'windows-3-what-went-wrong');
  deepEqual(await faultsOf(wall), []);
  await lesson(wall, 'Ada Byron', '08:00').waitFor();

  const answers = await wall.evaluate(async () => {
    interface Port {
      send(channel: string, params: object): Promise<{ ok: boolean; error?: { symbol: string } }>;
    }
    const { send } = Reflect.get(window, 'school') as Port;
    const channels = ['shutdown', 'lessons.book', 'students.list', 'app.openWindow'];
    const refused = await Promise.all(channels.map((channel) => send(channel, {})));
    return {
      globals: ['require', 'process', 'module', 'Buffer'].filter((name) => name in window),
      symbols: refused.map(({ error }) => error?.symbol),
    };
  });
  deepEqual(answers, { globals: [], symbols: Array(4).fill('CHANNEL_REFUSED') });
  ok(await page.isVisible('#book-form'));
});
