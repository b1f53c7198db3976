// The main process of the benchmark: a bridge over the real backend, and a plain handler beside it.
const { app, BrowserWindow, ipcMain, session } = require('electron');
const { join } = require('path');
const shim = require('../../electron-shim/dist/main.cjs');

const { BENCH_PYTHON: python, BENCH_DATA: dataDir, BENCH_ORIGIN: origin } = process.env;
const client = { name: 'bench', version: '0' };
const validator = (value) => typeof value === 'object' && value !== null;

const big = shim.createBackend({
  backend: { command: python, args: [join(__dirname, '../peers/big_line.py')] },
  client,
  events: 'none',
});

app.whenReady().then(async () => {
  const bridge = shim.createElectronBridge({
    backend: { ...shim.pythonBackend(python, dataDir), cwd: join(__dirname, '../..') },
    client,
    trusted: [origin],
    singleInstance: 'ignore',
    // Every crash is the first one: the shortest pause.
    restart: { windowMs: 1 },
  });
  for (const name of ['ping', 'branches.list']) {
    bridge.register(shim.rpcChannel(name));
  }
  bridge.register(shim.defineChannel({ name: 'bench.echo', validator, handler: (params) => params }));
  bridge.register(shim.defineChannel({ name: 'bench.big', validator, handler: () => big.send('ping', {}) }));
  bridge.on('stderr', (line) => console.error(line));
  ipcMain.handle('plain', (_event, params) => params);

  session.defaultSession.setPreloads([join(__dirname, 'plainPreload.js')]);
  const window = new BrowserWindow({
    webPreferences: shim.secureWebPreferences({ preload: join(__dirname, '../../electron-shim/dist/preload.cjs') }),
  });
  bridge.attach(window);
  await bridge.startServer();
  await big.startServer();
  global.bench = {
    crash: () => crash(bridge),
    bigLine: () => timed(() => big.send('ping', {})),
    stop: () => big.stopServer(),
  };
  await window.loadURL(origin);
});

app.on('window-all-closed', () => app.quit());

/** Kill the backend; tell when it was seen, and when the next one served. */
function crash(bridge) {
  return new Promise((resolve) => {
    const killedAt = performanceNow();
    let seenMs;
    const unsubscribe = bridge.on('status', ({ state }) => {
      if (state === 'backoff') {
        seenMs = performanceNow() - killedAt;
      } else if (state === 'ready') {
        unsubscribe();
        resolve({ seenMs, readyMs: performanceNow() - killedAt });
      }
    });
    process.kill(bridge.status().server.pid, 'SIGKILL');
  });
}

async function timed(call) {
  const from = performanceNow();
  await call();
  return performanceNow() - from;
}

function performanceNow() {
  return Number(process.hrtime.bigint()) / 1e6;
}
