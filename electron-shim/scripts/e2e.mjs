// Drive the example in the real Electron: npm run e2e. Without a display it runs under Xvfb.
import { spawn } from 'node:child_process';
import { electronPath, shim } from './electron.mjs';

const needsDisplay = process.platform === 'linux' && !process.env.DISPLAY;
const test = [
  process.execPath,
  '--test',
  '--test-reporter=spec',
  '--test-timeout=60000',
  // An app that starts or quits waits more than it works.
  '--test-concurrency=2',
  'dist/test/e2e/',
];
const xvfb = ['xvfb-run', '-a', '-s', '-screen 0 1600x1000x24'];
const [command, ...args] = needsDisplay ? [...xvfb, ...test] : test;
const env = { ...process.env, ELECTRON: electronPath() };
spawn(command, args, { cwd: shim, stdio: 'inherit', env }).on('exit', (code) => {
  process.exitCode = code ?? 1;
});
