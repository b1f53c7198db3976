/** Where the backend is: beside the packaged app, or in a checkout. */

import { existsSync } from 'fs';
import { join } from 'path';
import { shimError } from '../shared/shimErrors';
import { type BackendProgram, pythonBackend } from './options';

/** Where to look; the first that is given and not packaged away wins. */
export interface BackendPlaces {
  readonly dataDir: string;
  /** `process.resourcesPath` of a packaged app, in which nothing else counts. */
  readonly resourcesPath?: string;
  /** A venv, while one develops. */
  readonly venv?: string;
  /** `RPCBACKEND_PYTHON` in it names another Python, while one develops. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The machine the app runs on. */
interface Host {
  readonly platform: string;
  readonly arch: string;
  exists(path: string): boolean;
}

/**
 * Find the Python that runs the backend; never by PATH, which a packaged app does not have.
 *
 * @throws BackendError SPAWN_FAILED: it is not where it should be (electron.md failure mode 10).
 */
export function resolveBackend(
  places: BackendPlaces,
  host: Host = { platform: process.platform, arch: process.arch, exists: existsSync },
): BackendProgram {
  const python = pythonIn(places, host);
  if (python === undefined || !host.exists(python)) {
    const where = python === undefined ? 'anywhere: give resourcesPath or venv' : `at ${python}`;
    throw shimError('SPAWN_FAILED', { message: `There is no Python ${where}.` });
  }
  return pythonBackend(python, places.dataDir);
}

function pythonIn(
  { resourcesPath, venv, env = {} }: BackendPlaces,
  { platform, arch }: Host,
): string | undefined {
  const isWindows = platform === 'win32';
  if (resourcesPath !== undefined) {
    const inTree = isWindows ? ['python.exe'] : ['bin', 'python3'];
    return join(
      withoutPrefix(resourcesPath),
      'backend',
      `${platform}-${arch}`,
      'python',
      ...inTree,
    );
  }
  const inVenv = isWindows ? join('Scripts', 'python.exe') : join('bin', 'python');
  return env['RPCBACKEND_PYTHON'] ?? (venv === undefined ? undefined : join(venv, inVenv));
}

/** Windows' long form of a path stops Python from finding its own library (failure mode 31). */
function withoutPrefix(path: string): string {
  return path.replace(/^\\\\\?\\/, '');
}
