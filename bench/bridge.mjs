// Measures the way from a window to Python and back in the real Electron, beside a plain IPC handler and a
// bare FastAPI server, round by round; then crashes, and one long line. Usage: node bench/bridge.mjs [--quick]
// Needs `npm --prefix electron-shim run build`, and the extra `bench` in the venv.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { electronPath } from '../electron-shim/scripts/electron.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const python = process.env.PYTHON ?? join(dirname(here), '.venv', 'bin', 'python');
const quick = process.argv.includes('--quick');
const rounds = quick ? 2 : 8;
const callsARound = quick ? 200 : 500;
const crashes = quick ? 3 : 15;
const { launchApp } = createRequire(import.meta.url)('../electron-shim/dist/testing.cjs');

if (process.platform === 'linux' && !process.env.DISPLAY) {
  const again = ['-a', process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.exit(spawnSync('xvfb-run', again, { stdio: 'inherit' }).status ?? 1);
}

// Each runs in the window; `call` is made as often as told, one after the other.
const targets = [
  ['plain ipcMain.handle, echo', 'window.plain.echo({})'],
  ['bridge, channel in the main process', "window.school.send('bench.echo', {})"],
  ['bridge, Python ping', "window.school.send('ping', {})"],
  ['bridge, Python branches.list', "window.school.send('branches.list', {})"],
  ['bare FastAPI, POST', "fetch('/ping', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }).then((r) => r.json())"],
];

function measure(call, times) {
  return `(async () => {
    const micros = [];
    for (let i = 0; i < ${times}; i += 1) {
      const from = performance.now();
      const answer = await ${call};
      micros.push((performance.now() - from) * 1000);
      if (answer.ok === false) throw new Error(JSON.stringify(answer));
    }
    return micros;
  })()`;
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

function startServer() {
  const child = spawn(python, [join(here, 'peers', 'bare_fastapi.py'), join(here, 'bridge', 'page.html')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => {
    child.stdout.once('data', (chunk) => resolve({ child, origin: `http://127.0.0.1:${Number(String(chunk))}` }));
  });
}

const folder = mkdtempSync(join(tmpdir(), 'rpcbackend-bench-'));
const server = await startServer();
const launched = await launchApp({
  app: join(here, 'bridge', 'main.cjs'),
  executablePath: electronPath(),
  env: { BENCH_PYTHON: python, BENCH_DATA: join(folder, 'data'), BENCH_ORIGIN: server.origin },
});
try {
  const { app, page } = launched;
  await page.waitForFunction(() => window.school !== undefined && location.protocol === 'http:');
  const micros = targets.map(() => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, [, call]] of targets.entries()) {
      const taken = await page.evaluate(measure(call, callsARound));
      // The first round warms up.
      if (round >= 0) micros[index].push(...taken);
    }
  }
  console.log('| from the window and back | p50 µs | p99 µs | p50 ratio |\n| --- | --- | --- | --- |');
  const base = quantile(micros[0], 0.5);
  for (const [index, [name]] of targets.entries()) {
    const [p50, p99] = [quantile(micros[index], 0.5), quantile(micros[index], 0.99)];
    console.log(`| ${name} | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${(p50 / base).toFixed(2)} |`);
  }

  const [toMain, toWindow] = [[], []];
  for (let time = 0; time < 5; time += 1) {
    toMain.push(await app.evaluate(() => global.bench.bigLine()));
    toWindow.push(
      await page.evaluate(async () => {
        const from = performance.now();
        const { ok, result } = await window.school.send('bench.big', {});
        if (!ok || result.text.length !== 30_000_000) throw new Error('not what was sent');
        return performance.now() - from;
      }),
    );
  }
  console.log(`\none line of 30 MB, median: Python to main ${quantile(toMain, 0.5).toFixed(0)} ms, to the window ${quantile(toWindow, 0.5).toFixed(0)} ms`);

  const ends = [];
  for (let time = 0; time < crashes; time += 1) ends.push(await app.evaluate(() => global.bench.crash()));
  const [seen, ready] = ['seenMs', 'readyMs'].map((key) => ends.map((end) => end[key]));
  console.log(
    `SIGKILL, ${crashes} times: seen after ${quantile(seen, 0.5).toFixed(1)} ms, ready again after ` +
      `p50 ${quantile(ready, 0.5).toFixed(0)} ms, p99 ${quantile(ready, 0.99).toFixed(0)} ms (a pause of 250 ± 50 ms in it)`,
  );
  await app.evaluate(() => global.bench.stop());
} finally {
  console.log(`the app ended: ${await launched.close()}`);
  server.child.kill();
  rmSync(folder, { recursive: true, force: true });
}
