/** The main process of the example: one window over one supervised backend. */

import { app, BrowserWindow, nativeTheme } from 'electron';
import { join } from 'path';
import { pathToFileURL } from 'url';
import {
  createElectronBridge,
  defineChannel,
  type ElectronBridgeController,
  hardenContents,
  pythonBackend,
  rpcChannel,
  secureWebPreferences,
} from '../../src/main';
import { locateProgram, type Program } from './program';

// Bundled to electron-shim/dist/example/main.cjs.
const repository = join(__dirname, '../../..');
const page = join(__dirname, 'index.html');

const channels = [
  'branches.list',
  'calendar.view',
  'instructors.list',
  'lessons.book',
  'students.list',
  'vehicles.list',
] as const;

app.commandLine.appendSwitch('lang', 'en-GB');

if (app.requestSingleInstanceLock()) {
  app.on('window-all-closed', () => app.quit());
  void app.whenReady().then(open);
} else {
  app.quit();
}

function open(): void {
  const program = locateProgram(process.env, repository, app.getPath('userData'));
  const bridge = wire(program);
  const window = openWindow(bridge);
  app.on('second-instance', () => {
    // While the backend stops the window is gone already.
    if (!window.isDestroyed()) {
      window.focus();
    }
  });
  start(bridge);
}

function wire(program: Program): ElectronBridgeController {
  const bridge = createElectronBridge({
    backend: { ...pythonBackend(program.python, program.dataDir), cwd: repository },
    client: { name: 'driving-school-example', version: app.getVersion() },
    trusted: [pathToFileURL(page).href],
  });
  for (const name of channels) {
    bridge.register(rpcChannel(name));
  }
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
  bridge.register(
    defineChannel({
      name: 'app.about',
      handler: () => ({ dataDir: program.dataDir, seedCommand: program.seedCommand }),
      validator: isObject,
    }),
  );
  bridge.register(
    defineChannel({
      name: 'app.retry',
      handler: () => {
        start(bridge);
        return {};
      },
      validator: isObject,
    }),
  );
  bridge.on('stderr', (line) => process.stderr.write(`${line}\n`));
  bridge.on('warning', ({ symbol, message }) => process.stderr.write(`${symbol}: ${message}\n`));
  return bridge;
}

/** The window shows what became of it. */
function start(bridge: ElectronBridgeController): void {
  bridge.startServer().catch(() => undefined);
}

function openWindow(bridge: ElectronBridgeController): BrowserWindow {
  const window = new BrowserWindow({
    width: 1360,
    height: 900,
    minWidth: 980,
    minHeight: 640,
    show: false,
    title: 'Driving school',
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#14171c' : '#f5f6f8',
    webPreferences: secureWebPreferences({ preload: join(__dirname, 'preload.cjs') }),
  });
  hardenContents(window.webContents);
  bridge.attach(window);
  window.once('ready-to-show', () => window.show());
  void window.loadFile(page);
  return window;
}
