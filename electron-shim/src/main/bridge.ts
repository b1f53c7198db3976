/** The backend and the windows of one Electron app, wired. */

import { app, type BrowserWindow, ipcMain } from 'electron';
import type { Unsubscribe } from '../shared/emitter';
import { type Backend, createBackend } from './backend';
import { ChannelRegistry, type IPCChannel } from './channels';
import { type IpcMainPort, WindowGate } from './ipc';
import { type QuittingApp, stopBeforeQuit } from './lifecycle';
import type { BackendOptions } from './options';
import type { StopReport } from './session';

export interface BridgeOptions extends BackendOptions {
  /** The pages that may speak: origins, or URLs of single files. */
  readonly trusted: readonly string[];
  /** Stop the backend before the app quits; true by default. */
  readonly installQuitHooks?: boolean;
}

export interface AttachOptions {
  /** The channels this window may use; all registered ones by default. */
  readonly channels?: readonly string[];
}

export interface ElectronBridgeController extends Backend {
  /** Allow a channel to windows. @throws RangeError: taken, or part of the life cycle. */
  register<P, R>(channel: IPCChannel<P, R>): Unsubscribe;
  /** Serve a window until it is closed. @throws RangeError: its sub-frames would get the preload. */
  attach(window: BrowserWindow, options?: AttachOptions): Unsubscribe;
  /** Serve no window any more, remove the hooks, stop the backend. */
  dispose(): Promise<StopReport>;
}

/** Wire backend and windows without starting anything. */
export function createElectronBridge(options: BridgeOptions): ElectronBridgeController {
  const backend = createBackend(options);
  const registry = new ChannelRegistry();
  const gate = new WindowGate(backend, registry, options.trusted, ipcMain as IpcMainPort);
  const unhook =
    options.installQuitHooks === false
      ? () => undefined
      : stopBeforeQuit(app as QuittingApp, () => backend.stopServer());
  return {
    startServer: () => backend.startServer(),
    stopServer: () => backend.stopServer(),
    send: (channel, params, callOptions) => backend.send(channel, params, callOptions),
    receive: (topic, callback) => backend.receive(topic, callback),
    status: () => backend.status(),
    suspend: () => backend.suspend(),
    resume: () => backend.resume(),
    on: (name, callback) => backend.on(name, callback),
    register: (channel) => registry.register(channel),
    attach: (window, { channels } = {}) => {
      refuseSubFrames(window);
      return gate.attach(window.webContents, channels ?? 'all');
    },
    dispose: async () => {
      gate.close();
      const report = await backend.stopServer();
      // Not before: a quit in the meantime is to wait for the stop.
      unhook();
      return report;
    },
  };
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
