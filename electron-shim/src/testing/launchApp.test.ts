import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { ElectronApplication } from 'playwright-core';
import { type Launcher, launchApp } from './launchApp';

interface Launched {
  readonly launcher: Launcher;
  readonly profiles: readonly string[];
  readonly kills: readonly string[];
}

/** Playwright, where the app behaves as told. */
function makeLauncher(app: Partial<ElectronApplication>): Launched {
  const profiles: string[] = [];
  const kills: string[] = [];
  const launched = {
    firstWindow: async () => ({ name: 'first' }),
    process: () => ({ kill: (signal: string) => kills.push(signal) }),
    ...app,
  } as unknown as ElectronApplication;
  const launcher: Launcher = {
    launch: async ({ args }) => {
      const profile = args.find((arg) => arg.startsWith('--user-data-dir=')) ?? '';
      profiles.push(profile.slice('--user-data-dir='.length));
      return launched;
    },
  };
  return { launcher, profiles, kills };
}

const options = { app: 'main.cjs', executablePath: 'electron', closeTimeoutMs: 5 };

test('each launch has a profile of its own, which goes with it', async () => {
  const { launcher, profiles } = makeLauncher({ close: async () => undefined });

  const [first, second] = await Promise.all([
    launchApp(options, launcher),
    launchApp(options, launcher),
  ]);
  ok(profiles.every(existsSync));
  deepEqual([await first.close(), await second.close()], ['quit', 'quit']);

  equal(new Set(profiles).size, 2);
  deepEqual(profiles.filter(existsSync), []);
});

test('an app that does not quit is killed, once', async () => {
  const { launcher, kills } = makeLauncher({ close: () => new Promise(() => undefined) });
  const launched = await launchApp(options, launcher);

  deepEqual(await Promise.all([launched.close(), launched.close()]), ['killed', 'killed']);

  deepEqual(kills, ['SIGKILL']);
});

test('an app without a window is closed, and leaves no profile', async () => {
  let closes = 0;
  const { launcher, profiles } = makeLauncher({
    close: async () => {
      closes += 1;
    },
    firstWindow: () => Promise.reject(new Error('no window')),
  });

  const error = await launchApp(options, launcher).catch((reason: Error) => reason.message);

  deepEqual([error, closes, profiles.filter(existsSync)], ['no window', 1, []]);
});
