/** Where the backend of the example is, and where it keeps its data. */

import { join } from 'path';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Program {
  readonly python: string;
  readonly dataDir: string;
  /** The line that fills the store with a demo school. */
  readonly seedCommand: string;
}

/** Read `RPCBACKEND_PYTHON` and `RPCBACKEND_DATA_DIR`; else the venv of the checkout, `<userData>/school`. */
export function locateProgram(env: Environment, repository: string, userData: string): Program {
  const inVenv =
    process.platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python');
  const python = env['RPCBACKEND_PYTHON'] ?? join(repository, '.venv', inVenv);
  const dataDir = env['RPCBACKEND_DATA_DIR'] ?? join(userData, 'school');
  return {
    python,
    dataDir,
    seedCommand: `${python} -m rpcbackend seed --students 560 --years 1 --data-dir "${dataDir}"`,
  };
}
