/** Launches an app for a test: a profile of its own, and an end that comes whatever happens. */

import { mkdtempSync, promises } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import type { ElectronApplication, Page } from 'playwright-core';

export interface LaunchOptions {
  /** The main script, or the folder of the app. */
  readonly app: string;
  /** Electron's program, or that of the packaged app. */
  readonly executablePath: string;
  readonly args?: readonly string[];
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly launchTimeoutMs?: number;
  /** How long the app may take to quit before it is killed. */
  readonly closeTimeoutMs?: number;
}

export interface LaunchedApp {
  readonly app: ElectronApplication;
  /** The first window. */
  readonly page: Page;
  /** Quit, and tell how; never longer than `closeTimeoutMs`, and the profile goes with it. */
  close(): Promise<'quit' | 'killed'>;
}

/** Playwright's `_electron`, as far as it is used. */
export interface Launcher {
  launch(options: {
    executablePath: string;
    args: string[];
    env: Record<string, string>;
    timeout: number;
  }): Promise<ElectronApplication>;
}

/** Launch an app with a fresh profile: two launches on one profile wait for each other for ever. */
export async function launchApp(options: LaunchOptions, launcher?: Launcher): Promise<LaunchedApp> {
  const electron = launcher ?? (await import('playwright-core'))._electron;
  const profile = mkdtempSync(join(tmpdir(), 'profile-'));
  const removeProfile = (): Promise<void> => removeFolder(profile);
  try {
    const app = await electron.launch({
      executablePath: options.executablePath,
      args: [...sandboxFlags(), `--user-data-dir=${profile}`, options.app, ...(options.args ?? [])],
      env: { ...(process.env as Record<string, string>), ...options.env },
      timeout: options.launchTimeoutMs ?? 30_000,
    });
    const end = async (): Promise<'quit' | 'killed'> => {
      const how = await closeWithin(app, options.closeTimeoutMs ?? 15_000);
      await removeProfile();
      return how;
    };
    let closed: Promise<'quit' | 'killed'> | undefined;
    const close = (): Promise<'quit' | 'killed'> => {
      closed ??= end();
      return closed;
    };
    try {
      return { app, page: await app.firstWindow(), close };
    } catch (error) {
      await close();
      throw error;
    }
  } catch (error) {
    await removeProfile();
    throw error;
  }
}

/** Chromium's sandbox refuses to run as root, as containers do. */
function sandboxFlags(): readonly string[] {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  return isRoot ? ['--no-sandbox', '--disable-gpu'] : [];
}

async function closeWithin(app: ElectronApplication, limitMs: number): Promise<'quit' | 'killed'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'killed'>((resolve) => {
    timer = setTimeout(() => {
      app.process().kill('SIGKILL');
      resolve('killed');
    }, limitMs);
  });
  // An app that is gone already is closed.
  const quit = app.close().then(
    () => 'quit' as const,
    () => 'quit' as const,
  );
  const how = await Promise.race([quit, late]);
  clearTimeout(timer);
  return how;
}

/** The processes of a killed app may write to their profile for a moment more. */
async function removeFolder(folder: string): Promise<void> {
  await promises.rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}
