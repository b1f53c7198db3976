/** Where the backend is: beside the packaged app, or in a checkout. */

import { join } from 'path';
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
}

/**
 * Name the Python that runs the backend; never by PATH, which a packaged app does not have.
 *
 * Whether it is there the start tells: SPAWN_FAILED with the path, in the signal `failed`, which
 * somebody hears by then.
 *
 * @throws RangeError: no place was given.
 */
export function resolveBackend(
  places: BackendPlaces,
  host: Host = { platform: process.platform, arch: process.arch },
): BackendProgram {
  const python = pythonIn(places, host);
  if (python === undefined) {
    throw new RangeError(
      'there is no Python to run: give resourcesPath, venv or RPCBACKEND_PYTHON',
    );
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
