/** Opens the desk in the real Electron, looks at it, and closes it with the test. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { type SeededSchool, seedSchool, zone } from './seedSchool';

// Bundled to dist/test/e2e.
const shim = join(__dirname, '../../..');
export const python =
  process.env['RPCBACKEND_PYTHON'] ??
  join(shim, '../.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const screenshots = join(shim, 'e2e/screenshots');
mkdirSync(screenshots, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'school-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// Far more than a start of the demo school takes.
const patienceMs = 30_000;

let launches = 0;
let template: Promise<SeededSchool> | undefined;

/** A new path in the folder that is removed in the end. */
export function newPath(name: string): string {
  launches += 1;
  return join(folder, `${name}-${launches}`);
}

/** A store with the small school, for one test alone. */
export async function newSchool(): Promise<SeededSchool & { readonly dataDir: string }> {
  const original = join(folder, 'template');
  template ??= seedSchool(python, original);
  const school = await template;
  const dataDir = newPath('data');
  cpSync(original, dataDir, { recursive: true });
  return { ...school, dataDir };
}

export interface Desk {
  readonly app: ElectronApplication;
  readonly page: Page;
}

/**
 * Open the desk over *dataDir*, and close it with the test *t*, whatever becomes of it.
 *
 * An app that outlives its failed test holds the lock of the data directory, and then every test
 * after it fails as well, with exit code 69.
 */
export async function launch(
  t: TestContext,
  dataDir: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Desk> {
  // Two launches on one profile hang.
  const profile = `--user-data-dir=${newPath('profile')}`;
  const app = await _electron.launch({
    executablePath: process.env['ELECTRON'] ?? '',
    args: ['--no-sandbox', '--disable-gpu', profile, join(shim, 'dist/example/main.cjs')],
    env: {
      ...(process.env as Record<string, string>),
      RPCBACKEND_DATA_DIR: dataDir,
      TZ: zone,
      ...more,
    },
    timeout: patienceMs,
  });
  t.after(() => app.close().catch(() => undefined));
  const page = await app.firstWindow();
  page.setDefaultTimeout(patienceMs);
  return { app, page };
}

/** Do *act* and return the window that opens. */
export async function windowOpenedBy(app: ElectronApplication, act: Promise<void>): Promise<Page> {
  const [page] = await Promise.all([app.waitForEvent('window'), act]);
  page.setDefaultTimeout(patienceMs);
  return page;
}

/**
 * Write what *page* shows to `screenshots/`.
 *
 * Electron itself is asked: with a version as old as 9 Playwright's own screenshot may wait for a
 * frame that is never drawn.
 */
export async function shoot({ app, page }: Desk, name: string): Promise<void> {
  const png = await app.evaluate(capture, app.windows().indexOf(page));
  writeFileSync(join(screenshots, `${name}.png`), Buffer.from(png, 'base64'));
}

/** A hidden window paints nothing, and its first picture may be empty. */
async function capture(
  { BrowserWindow }: typeof Electron.CrossProcessExports,
  index: number,
): Promise<string> {
  const windows = BrowserWindow.getAllWindows().sort((one, other) => one.id - other.id);
  const window = windows[index];
  if (window !== undefined && !window.isVisible()) {
    await new Promise((resolve) => window.once('show', () => resolve(undefined)));
  }
  for (;;) {
    const image = await window?.webContents.capturePage();
    if (image !== undefined && !image.isEmpty()) {
      return image.toPNG().toString('base64');
    }
  }
}

export type Point = readonly [x: number, y: number];

/**
 * Let Electron itself move the mouse: down at *from*, over to *to*, and up there unless it is held.
 *
 * Playwright's own mouse wants a command of the browser that Chrome 83 does not know.
 */
export async function drag({ app, page }: Desk, from: Point, to: Point): Promise<void> {
  const between: Point = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  await sendMouse({ app, page }, ['mouseDown'], from);
  await sendMouse({ app, page }, ['mouseMove'], between);
  await sendMouse({ app, page }, ['mouseMove'], to);
}

/** Let the mouse go. */
export function drop(desk: Desk, at: Point): Promise<void> {
  // The display has a pointer of its own, which says where it is when another app opens a window.
  return sendMouse(desk, ['mouseMove', 'mouseUp'], at);
}

async function sendMouse(
  { app, page }: Desk,
  types: readonly ('mouseDown' | 'mouseMove' | 'mouseUp')[],
  [x, y]: Point,
): Promise<void> {
  await app.evaluate(
    ({ BrowserWindow }, { index, types, ...at }) => {
      const windows = BrowserWindow.getAllWindows().sort((one, other) => one.id - other.id);
      for (const type of types) {
        const event = { type, ...at, clickCount: 1 };
        windows[index]?.webContents.sendInputEvent({ ...event, button: 'left' });
      }
    },
    {
      index: app.windows().indexOf(page),
      types: [...types],
      ...{ x: Math.round(x), y: Math.round(y) },
    },
  );
}

/** Ask the page for the pid of the backend. */
export function backendPid(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const school: unknown = Reflect.get(window, 'school');
    const { result } = await (
      school as { status(): Promise<{ result: { server: { pid: number } } }> }
    ).status();
    return result.server.pid;
  });
}

/** Wait until the status bar shows *state*; a failed backend says why instead. */
export async function waitForState(page: Page, state: string): Promise<void> {
  const states = [state, 'failed'].map((one) => `#backend-state[data-state=${one}]`);
  const shown = await page.waitForSelector(states.join());
  if ((await shown.getAttribute('data-state')) !== state) {
    throw new Error(`the backend failed: ${await page.textContent('#notice')}`);
  }
}

/** Wait for the week with the first lessons; at the end of a week that is the next one. */
export async function goToFirstDay(page: Page, { firstDay }: SeededSchool): Promise<void> {
  await page.waitForSelector('#notice', { state: 'hidden' });
  // The first week shows today; it may not be drawn yet.
  await page.waitForSelector('.day-head[aria-current=date]');
  if ((await page.locator(`.day[data-date="${firstDay}"]`).count()) === 0) {
    await page.click('#next');
  }
  await lesson(page, 'Ada Byron').first().waitFor();
}

/** The lessons of a student that are drawn. */
export function lesson(page: Page, student: string, time = ''): ReturnType<Page['locator']> {
  return page.locator('.lesson', { hasText: student }).filter({ hasText: time });
}

/** The pids of a process and all its descendants. */
export function family(pid: number): readonly number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const members = [pid];
  for (const parent of members) {
    members.push(...pairs.filter(([, ppid]) => ppid === parent).map(([child]) => child ?? 0));
  }
  return members;
}

/** Wait until none of *pids* runs; one that only waits for its parent to take note is over. */
export function untilGone(pids: readonly number[]): void {
  for (;;) {
    const states = spawnSync('ps', ['-o', 'stat=', '-p', pids.join()], { encoding: 'utf8' });
    const running = states.stdout.split('\n').filter((line) => line !== '' && line[0] !== 'Z');
    if (running.length === 0) {
      return;
    }
  }
}
