import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { WebContents } from 'electron';
import { hardenContents, secureWebPreferences } from './security';

type Decide = (decide: (isGranted: boolean) => void) => void;

/** The contents of a window, of an Electron with or without `setWindowOpenHandler`. */
class Contents extends EventEmitter {
  readonly denied: string[] = [];
  readonly handlers: Record<string, unknown> = {};
  readonly setWindowOpenHandler: unknown;
  readonly session = {
    setPermissionRequestHandler: (handler: unknown) => {
      this.handlers['request'] = handler;
    },
    setPermissionCheckHandler: (handler: unknown) => {
      this.handlers['check'] = handler;
    },
  };

  constructor(isNew: boolean) {
    super();
    this.setWindowOpenHandler = isNew
      ? (handler: unknown) => {
          this.handlers['open'] = handler;
        }
      : undefined;
  }

  try(name: string): void {
    this.emit(name, { preventDefault: () => this.denied.push(name) });
  }
}

const ways = [
  'will-navigate',
  'will-redirect',
  'will-frame-navigate',
  'will-attach-webview',
  'new-window',
];

test('a hardened window goes nowhere and opens nothing, in old and new versions', () => {
  const [old, recent] = [new Contents(false), new Contents(true)];
  for (const contents of [old, recent]) {
    hardenContents(contents as unknown as WebContents);
    for (const way of ways) {
      contents.try(way);
    }
  }

  deepEqual(old.denied, ways);
  deepEqual(recent.denied, ways.slice(0, -1));
  deepEqual((recent.handlers['open'] as () => unknown)(), { action: 'deny' });
});

test('a hardened window is granted no permission', () => {
  const contents = new Contents(true);
  hardenContents(contents as unknown as WebContents);
  const answers: boolean[] = [];
  const request = contents.handlers['request'] as (
    ...args: readonly unknown[]
  ) => ReturnType<Decide>;

  request(undefined, 'media', (isGranted: boolean) => answers.push(isGranted));

  deepEqual([answers, (contents.handlers['check'] as () => boolean)()], [[false], false]);
});

test('a window has the sandbox and no Node', () => {
  const { preload, ...preferences } = secureWebPreferences({ preload: '/preload.cjs' });

  equal(preload, '/preload.cjs');
  deepEqual(preferences, {
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInSubFrames: false,
    nodeIntegrationInWorker: false,
    webSecurity: true,
    webviewTag: false,
  });
});
