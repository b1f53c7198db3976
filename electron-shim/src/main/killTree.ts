/** Ends a child and everything it started. */

import { spawnSync } from 'child_process';
import { win32 } from 'path';

/** The machine, as far as it is needed to end processes. */
export interface Machine {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  kill(pid: number, signal: string): void;
  /** Tell whether it did what it is for, in time. */
  run(command: string, args: readonly string[]): boolean;
}

const thisMachine: Machine = {
  platform: process.platform,
  env: process.env,
  kill: (pid, signal) => process.kill(pid, signal),
  run: (command, args) => {
    // Synchronous, so that it has happened when an updater or the end of a session goes on.
    const options = { stdio: 'ignore', windowsHide: true, timeout: 2_000 } as const;
    return spawnSync(command, args, options).status === 0;
  },
};

/**
 * Ask the child *pid* to end, or end it with all that it started.
 *
 * The child leads a process group of its own on POSIX. SIGTERM is for the child alone, which ends
 * its own in order; SIGKILL reaches the group: a launcher's Python, the Python's helpers. Windows
 * has no request like SIGTERM, and once the root is dead its tree cannot be found any more
 * (electron.md failure mode 3), so it is the whole tree at once.
 */
export function endTree(
  pid: number,
  signal: 'SIGTERM' | 'SIGKILL',
  machine: Machine = thisMachine,
): void {
  if (machine.platform === 'win32') {
    const { SystemRoot = 'C:\\Windows' } = machine.env;
    const taskkill = win32.join(SystemRoot, 'System32', 'taskkill.exe');
    if (!machine.run(taskkill, ['/PID', String(pid), '/T', '/F'])) {
      // It hangs, or is not there: the root at least.
      kill(machine, pid, signal);
    }
    return;
  }
  kill(machine, signal === 'SIGKILL' ? -pid : pid, signal);
}

function kill(machine: Machine, pid: number, signal: string): void {
  try {
    machine.kill(pid, signal);
  } catch {
    // Nobody is left.
  }
}
