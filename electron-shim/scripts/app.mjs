// Open the example: npm run app.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { electronPath, sandboxFlags, shim } from './electron.mjs';

if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
  console.error(
    'There is no display here to open a window on (DISPLAY is unset); `npm run e2e` brings its own.',
  );
  process.exit(1);
}
const args = [...sandboxFlags, join(shim, 'dist/example/main.cjs'), ...process.argv.slice(2)];
spawn(electronPath(), args, { stdio: 'inherit' }).on('exit', (code) => {
  process.exitCode = code ?? 1;
});
