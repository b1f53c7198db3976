// Run the unit and integration tests: npm test.
import { spawn } from 'node:child_process';
import { shim } from './electron.mjs';

const folders = ['dist/test/src/', 'dist/test/example/'];
const args = ['--test', '--test-reporter=spec', '--test-timeout=60000', ...folders];
spawn(process.execPath, args, { cwd: shim, stdio: 'inherit' }).on('exit', (code) => {
  process.exitCode = code ?? 1;
});
