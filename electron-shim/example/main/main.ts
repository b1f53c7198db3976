/** The main process of the example: the windows of a desk over one supervised backend. */

import { app } from 'electron';
import { join } from 'path';
import { pathToFileURL } from 'url';
import {
  createElectronBridge,
  defineChannel,
  type ElectronBridgeController,
  pythonBackend,
  rpcChannel,
} from '../../src/main';
import { passedOn, rightsOf } from './channels';
import { DeskSession } from './deskSession';
import { locateProgram, type Program } from './program';
import { DeskWindows } from './windows';

// Bundled to electron-shim/dist/example/main.cjs.
const repository = join(__dirname, '../../..');
const page = join(__dirname, 'index.html');

app.commandLine.appendSwitch('lang', 'en-GB');

if (app.requestSingleInstanceLock()) {
  app.on('window-all-closed', () => app.quit());
  void app.whenReady().then(open);
} else {
  app.quit();
}

function open(): void {
  const program = locateProgram(process.env, repository, app.getPath('userData'));
  const session = new DeskSession(() => windows.startOver());
  const bridge = createElectronBridge({
    backend: { ...pythonBackend(program.python, program.dataDir), cwd: repository },
    client: { name: 'driving-school-example', version: app.getVersion() },
    trusted: [pathToFileURL(page).href],
    signIn: (send) => session.resume(send),
  });
  const windows = new DeskWindows(bridge, page);
  registerSchool(bridge, session);
  registerApp(bridge, windows, program);
  bridge.on('stderr', (line) => process.stderr.write(`${line}\n`));
  bridge.on('warning', ({ symbol, message }) => process.stderr.write(`${symbol}: ${message}\n`));
  app.on('second-instance', () => windows.focus());
  windows.open('desk');
  start(bridge);
}

/** The channels of the school, for all windows that may use them. */
function registerSchool(bridge: ElectronBridgeController, session: DeskSession): void {
  bridge.register(session.signsIn('auth.bootstrap'));
  bridge.register(session.signsIn('auth.login'));
  bridge.register(session.signsOut());
  for (const name of passedOn) {
    bridge.register(rpcChannel(name));
  }
}

/** The channels that the app itself answers. */
function registerApp(
  bridge: ElectronBridgeController,
  windows: DeskWindows,
  program: Program,
): void {
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
  bridge.register(
    defineChannel({
      name: 'app.about',
      handler: (_params, { windowId }) => {
        const kind = windows.kindOf(windowId);
        const { dataDir, seedCommand } = program;
        return { kind, channels: rightsOf(kind).channels, dataDir, seedCommand };
      },
      validator: isObject,
    }),
  );
  bridge.register(
    defineChannel({
      name: 'app.diagnostics',
      // As it can be mailed: paths and secrets are out of it already.
      handler: () => {
        const { stderrTail, ...report } = bridge.diagnostics();
        return { log: stderrTail.join('\n'), report: JSON.stringify(report, undefined, 1) };
      },
      validator: isObject,
    }),
  );
  bridge.register(
    defineChannel({
      name: 'app.openWindow',
      handler: ({ kind }: { readonly kind: 'desk' | 'board' }) => {
        windows.open(kind);
        return {};
      },
      validator: (value): value is { readonly kind: 'desk' | 'board' } =>
        isObject(value) && ['desk', 'board'].includes(String(Reflect.get(value, 'kind'))),
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
}

/** The windows show what became of it. */
function start(bridge: ElectronBridgeController): void {
  bridge.startServer().catch(() => undefined);
}
