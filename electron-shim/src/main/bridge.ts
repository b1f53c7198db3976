/** The backend and the windows of one Electron app, wired. */

import { app, autoUpdater, type BrowserWindow, ipcMain, powerMonitor } from 'electron';
import type { Unsubscribe } from '../shared/emitter';
import { shimError } from '../shared/shimErrors';
import { type Backend, createBackend } from './backend';
import { ChannelRegistry, type IPCChannel } from './channels';
import { type IpcMainPort, type Rights, WindowGate } from './ipc';
import { type Ends, QuitHooks, type QuittingApp } from './lifecycle';
import { type BackendOptions, resolveOptions } from './options';
import type { StopReport } from './session';
import { warnOfBug } from './warnOfBug';

/** The backend to run, with its options, or one that is there already, such as a FakeBackend. */
export type BridgeOptions = WindowOptions & (BackendOptions | { readonly backend: Backend });

export interface WindowOptions {
  /** The pages that may speak: origins, or URLs of single files. */
  readonly trusted: readonly string[];
  /** Stop the backend before the app quits, updates or the machine goes down; true by default. */
  readonly installQuitHooks?: boolean;
  /**
   * What a start does when the app holds no single-instance lock, so that a second app could be
   * there: two backends on one data directory end with exit code 69. 'warn' by default.
   */
  readonly singleInstance?: 'warn' | 'refuse' | 'ignore';
}

export interface ElectronBridgeController extends Backend {
  /** Allow a channel to windows. @throws RangeError: taken, or part of the life cycle. */
  register<P, R>(channel: IPCChannel<P, R>): Unsubscribe;
  /** Serve a window until it is closed. @throws RangeError: its sub-frames would get the preload. */
  attach(window: BrowserWindow, rights?: Rights): Unsubscribe;
  /** Serve no window any more, remove the hooks, stop the backend. */
  dispose(): Promise<StopReport>;
}

/** Wire backend and windows without starting anything. */
export function createElectronBridge(options: BridgeOptions): ElectronBridgeController {
  const backend = isRunnable(options) ? createBackend(options) : options.backend;
  const registry = new ChannelRegistry();
  const limits = timeoutOf(options);
  const gate = new WindowGate(backend, registry, options.trusted, ipcMain as IpcMainPort, limits);
  const hooks =
    options.installQuitHooks === false ? undefined : new QuitHooks(endsOfElectron(), backend);
  return {
    startServer: async () => {
      checkInstance(options.singleInstance ?? 'warn');
      return backend.startServer();
    },
    stopServer: (stopOptions) => backend.stopServer(stopOptions),
    send: (channel, params, callOptions) => backend.send(channel, params, callOptions),
    receive: (topic, callback) => backend.receive(topic, callback),
    status: () => backend.status(),
    diagnostics: () => backend.diagnostics(),
    suspend: () => backend.suspend(),
    resume: () => backend.resume(),
    on: (name, callback) => backend.on(name, callback),
    register: (channel) => registry.register(channel),
    attach: (window, rights) => {
      refuseSubFrames(window);
      const detach = gate.attach(window.webContents, rights);
      const unguard = hooks?.guard(window);
      return () => {
        unguard?.();
        detach();
      };
    },
    dispose: async () => {
      gate.close();
      const report = await backend.stopServer();
      // Not before: a quit in the meantime is to wait for the stop.
      hooks?.remove();
      return report;
    },
  };
}

function isRunnable(options: BridgeOptions): options is WindowOptions & BackendOptions {
  return 'command' in options.backend;
}

/** The limit of calls counts from when a window asks. */
function timeoutOf(options: BridgeOptions): { readonly timeoutMs?: number } {
  return isRunnable(options) ? { timeoutMs: resolveOptions(options).limits.timeoutMs } : {};
}

function endsOfElectron(): Ends {
  const power = app.whenReady().then(() => powerMonitor);
  return { app: app as QuittingApp, updater: autoUpdater, power };
}

function checkInstance(policy: 'warn' | 'refuse' | 'ignore'): void {
  if (policy === 'ignore' || app.hasSingleInstanceLock()) {
    return;
  }
  const error = shimError('SECOND_INSTANCE');
  if (policy === 'refuse') {
    throw error;
  }
  warnOfBug(error);
}

function refuseSubFrames(window: BrowserWindow): void {
  // Only older versions can be asked, and only they need it: newer ones name the frame.
  const ask: unknown = Reflect.get(window.webContents, 'getLastWebPreferences');
  const preferences: unknown = typeof ask === 'function' ? ask.call(window.webContents) : undefined;
  if (
    typeof preferences === 'object' &&
    preferences !== null &&
    Reflect.get(preferences, 'nodeIntegrationInSubFrames') === true
  ) {
    throw new RangeError('a window with nodeIntegrationInSubFrames cannot be served');
  }
}
