/** Ends a child and everything it started. */

import { spawnSync } from 'child_process';
import { win32 } from 'path';

/** The machine, as far as it is needed to end processes. */
export interface Machine {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  kill(pid: number, signal: string): void;
  run(command: string, args: readonly string[]): void;
}

const thisMachine: Machine = {
  platform: process.platform,
  env: process.env,
  kill: (pid, signal) => process.kill(pid, signal),
  run: (command, args) => {
    // Synchronous, so that it has happened when an updater or the end of a session goes on.
    spawnSync(command, args, { stdio: 'ignore', windowsHide: true, timeout: 2_000 });
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
    machine.run(taskkill, ['/PID', String(pid), '/T', '/F']);
    return;
  }
  try {
    machine.kill(signal === 'SIGKILL' ? -pid : pid, signal);
  } catch {
    // Nobody is left.
  }
}
