/** The example in the real Electron over the real backend. */

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { shortDate } from '../example/renderer/week';
import { lessonsOf, type SeededSchool, seedSchool, zone } from './seedSchool';

// Bundled to dist/test/e2e.
const shim = join(__dirname, '../../..');
const python =
  process.env['RPCBACKEND_PYTHON'] ??
  join(shim, '../.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const screenshots = join(shim, 'e2e/screenshots');
const folder = mkdtempSync(join(tmpdir(), 'school-'));
const dataDir = join(folder, 'data');

// More than the 20 s that the shim gives a start, so that its own reason is seen first.
const patienceMs = 30_000;

let launches = 0;

/**
 * Open the example, and close it with the test *t*, whatever becomes of it.
 *
 * An app that outlives its failed test holds the lock of the data directory, and then every test
 * after it fails as well, with exit code 69.
 */
async function launch(
  t: TestContext,
  more: Readonly<Record<string, string>> = {},
): Promise<{ app: ElectronApplication; page: Page }> {
  launches += 1;
  // Two launches on one profile hang.
  const profile = `--user-data-dir=${join(folder, `profile-${launches}`)}`;
  const app = await _electron.launch({
    executablePath: process.env['ELECTRON'] ?? '',
    args: ['--no-sandbox', '--disable-gpu', profile, join(shim, 'dist/example/main.cjs')],
    env: {
      ...(process.env as Record<string, string>),
      RPCBACKEND_DATA_DIR: dataDir,
      TZ: zone,
      ...more,
    },
    timeout: 30_000,
  });
  t.after(() => app.close().catch(() => undefined));
  const page = await app.firstWindow();
  page.setDefaultTimeout(patienceMs);
  await app.evaluate(waitUntilShown);
  return { app, page };
}

/** Wait for the window to be on the screen: a hidden one paints nothing, so no screenshot ends. */
function waitUntilShown({ BrowserWindow }: typeof Electron.CrossProcessExports): Promise<void> {
  return new Promise((resolve) => {
    const [window] = BrowserWindow.getAllWindows();
    if (window === undefined || window.isVisible()) {
      resolve();
      return;
    }
    window.once('show', () => resolve());
  });
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

/** Ask the page for the pid of the backend. */
async function backendPid(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const school: unknown = Reflect.get(window, 'school');
    const { result } = await (
      school as { status(): Promise<{ result: { server: { pid: number } } }> }
    ).status();
    return result.server.pid;
  });
}

/** Wait until the title bar shows *state*; a failed backend says why instead. */
async function waitForState(page: Page, state: string): Promise<void> {
  const states = [state, 'failed'].map((one) => `#backend-state[data-state=${one}]`);
  const shown = await page.waitForSelector(states.join());
  if ((await shown.getAttribute('data-state')) === 'failed') {
    throw new Error(`the backend failed: ${await page.textContent('#notice')}`);
  }
}

function isGone(pid: number): void {
  throws(() => process.kill(pid, 0), { code: 'ESRCH' });
}

let school: SeededSchool;

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  school = await seedSchool(python, dataDir);
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Show the week of the first day with lessons; on a Sunday that is the next one. */
async function goToFirstDay(page: Page): Promise<void> {
  equal(await page.locator('.day-head[aria-current=date]').count(), 1);
  if ((await page.locator(`.day[data-date="${school.firstDay}"]`).count()) === 0) {
    await page.click('#next-week');
  }
}

test('the week shows, a lesson is booked and stored, and the same slot is refused with reasons', async (t) => {
  const { app, page } = await launch(t);
  const { firstDay } = school;
  await waitForState(page, 'ready');
  const pid = await backendPid(page);
  await goToFirstDay(page);

  // The week shows what was seeded.
  const day = page.locator(`.day[data-date="${firstDay}"]`);
  await day.locator('.lesson', { hasText: 'Ada Byron' }).waitFor();
  equal(await day.locator('li.lesson').count(), 5);
  await shoot(page, '1-week');

  // A lesson is booked with the keyboard and the form.
  await page.fill('#student', 'zus');
  await page.getByRole('option', { name: 'Konrad Zuse' }).waitFor();
  await shoot(page, '2-search');
  await page.press('#student', 'Enter');
  equal(await page.inputValue('#student'), 'Konrad Zuse');
  await page.selectOption('#instructor', { label: 'Cora Weiß' });
  await page.fill('#date', firstDay);
  await page.fill('#time', '12:00');
  await page.click('text=135 min');
  await page.getByRole('button', { name: 'Book lesson' }).click();
  await page.locator('.card.good').waitFor();
  const booked = day
    .locator('li.lesson', { hasText: 'Konrad Zuse' })
    .filter({ hasText: '12:00 – 14:15' });
  await booked.waitFor();
  await shoot(page, '3-booked');

  // The same slot again is refused, with what it collides with and what is free.
  await page.fill('#student', 'meitn');
  await page.getByRole('option', { name: 'Lotte Meitner' }).click();
  await page.getByRole('button', { name: 'Book lesson' }).click();
  const refusal = page.getByRole('alert');
  await refusal.waitFor();
  const text = (await refusal.textContent()) ?? '';
  ok(text.includes('The instructor is already busy'), text);
  ok(text.includes(`${shortDate(firstDay)}, 12:00 – 14:15 · Lesson of Konrad Zuse`), text);
  ok(text.includes('Rule K1'), text);
  const alternatives = refusal.getByRole('button');
  ok((await alternatives.count()) > 0, text);
  await shoot(page, '4-refused');

  // An alternative is one click away.
  await alternatives.first().click();
  await page.locator('.card.good', { hasText: 'Lotte Meitner' }).waitFor();
  await shoot(page, '5-alternative');

  // Closed, it leaves nothing behind but the data.
  const electronPid = app.process().pid ?? 0;
  await app.close();
  isGone(electronPid);
  isGone(pid);
  const stored = await lessonsOf(python, dataDir, school.students[3] ?? '');
  ok(stored.includes(`${firstDay}T12:00`), stored.join());
  equal((await lessonsOf(python, dataDir, school.students[2] ?? '')).length, 3);
});

test('a killed backend comes back and the window goes on', async (t) => {
  const { app, page } = await launch(t);
  await waitForState(page, 'ready');
  const pid = await backendPid(page);

  process.kill(pid, 'SIGKILL');
  await page.waitForFunction(
    () => document.getElementById('backend-state')?.dataset['state'] !== 'ready',
  );
  await waitForState(page, 'ready');

  const again = await backendPid(page);
  ok(again !== pid);
  await page.fill('#student', 'ada');
  await page.getByRole('option', { name: 'Ada Byron' }).waitFor();
  await app.close();
  isGone(again);
});

test('an empty school says how to fill it', async (t) => {
  const { app, page } = await launch(t, { RPCBACKEND_DATA_DIR: join(folder, 'empty') });
  await page.getByRole('heading', { name: 'Your school is still empty' }).waitFor();
  await shoot(page, '6-empty');

  ok((await page.textContent('#notice'))?.includes('seed --students 560'));
  await app.close();
});

test('a backend that cannot start says why and offers to try again', async (t) => {
  const { app, page } = await launch(t, { RPCBACKEND_PYTHON: '/nowhere/python' });
  await page.getByRole('heading', { name: 'The backend is not available' }).waitFor();
  await shoot(page, '7-failed');

  ok((await page.getByRole('alert').textContent())?.includes('/nowhere/python'));
  ok(await page.getByRole('button', { name: 'Try again' }).isVisible());
  ok(await page.getByRole('button', { name: 'Book lesson' }).isDisabled());
  await app.close();
});

test('the page has no Node and the bridge only its channels', async (t) => {
  const { app, page } = await launch(t);
  await waitForState(page, 'ready');

  const answers = await page.evaluate(async () => {
    interface Port {
      send(channel: string, params: object): Promise<{ ok: boolean; error?: { symbol: string } }>;
    }
    const { send } = Reflect.get(window, 'school') as Port;
    const refused = [
      await send('shutdown', {}),
      await send('lessons.cancel', {}),
      await send('lessons.book', {}),
    ];
    return {
      globals: ['require', 'process', 'module', 'Buffer'].filter((name) => name in window),
      symbols: refused.map(({ error }) => error?.symbol),
    };
  });

  deepEqual(answers, {
    globals: [],
    symbols: ['CHANNEL_REFUSED', 'CHANNEL_REFUSED', 'INVALID_PARAMS'],
  });
  await app.close();
});

test('in the dark the window is dark', async (t) => {
  const { app, page } = await launch(t);
  await page.emulateMedia({ colorScheme: 'dark' });
  await waitForState(page, 'ready');
  await goToFirstDay(page);
  await page.locator('li.lesson').first().waitFor();
  await shoot(page, '8-dark');

  equal(
    await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    'rgb(20, 23, 28)',
  );
  await app.close();
});
