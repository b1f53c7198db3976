// An app over a backend without a process: what of the shim only Electron itself can show.
const { app, BrowserWindow } = require('electron');
const { join } = require('path');
const { pathToFileURL } = require('url');
const shim = require('../../dist/main.cjs');
const { FakeBackend, refusal } = require('../../dist/testing.cjs');

const page = join(__dirname, 'page.html');

async function open() {
  const backend = new FakeBackend()
    .handle('branches.list', () => ({ items: [] }))
    .refuse('vehicles.list', { symbol: 'FORBIDDEN', details: { permission: 'vehicles:read' } })
    .handle('jobs.list', async (_params, { signal, onProgress }) => {
      const givenUp = new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (onProgress) {
        onProgress({ kind: 'report', done: 1, total: 2 });
      }
      await givenUp;
      global.givenUp = (global.givenUp || 0) + 1;
      throw refusal({ symbol: 'CALL_CANCELLED' });
    })
    .handle('students.list', async (_params, { signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (signal.aborted) {
        throw refusal({ symbol: 'CALL_CANCELLED' });
      }
      return { items: [] };
    });
  const trusted = [pathToFileURL(page).href];
  const bridge = shim.createElectronBridge({ backend, trusted, singleInstance: 'refuse' });
  const channels = ['branches.list', 'vehicles.list', 'jobs.list', 'students.list'];
  for (const name of [...channels, 'ping']) {
    bridge.register(shim.rpcChannel(name));
  }
  const preload = join(__dirname, '../../dist/preload.cjs');
  const window = new BrowserWindow({ webPreferences: shim.secureWebPreferences({ preload }) });
  shim.hardenContents(window.webContents);
  bridge.attach(window, { channels });

  const withoutLock = await symbolOf(bridge.startServer());
  app.requestSingleInstanceLock();
  await bridge.startServer();
  global.seen = { withoutLock, keystore: await tryKeystore() };
  await window.loadFile(page);
}

async function tryKeystore() {
  const path = join(app.getPath('userData'), 'database.key');
  const bare = shim.createKeystore({ path });
  const passphrase = async () => 'correct horse';
  const [first, second] = [1, 2].map(() => shim.createKeystore({ path, passphrase }));
  return {
    bare: await symbolOf(bare.databaseKey()),
    isKept: (await first.databaseKey()).key === (await second.databaseKey()).key,
    protection: await second.protection(),
  };
}

const symbolOf = (promise) =>
  promise.then(
    () => 'ok',
    ({ symbol }) => symbol,
  );

app.on('window-all-closed', () => app.quit());
void app.whenReady().then(open);
