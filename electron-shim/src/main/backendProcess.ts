/** The child process: spawned, listened to on every pipe, and known to be dead when it is. */

import { type ChildProcessWithoutNullStreams, spawn } from 'child_process';
import type { Readable, Writable } from 'stream';
import { backendEnvironment } from './environment';
import { endTree } from './killTree';
import type { BackendProgram } from './options';
import { StderrRing } from './stderrRing';

/** How a child ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it never ran, such as ENOENT. */
  readonly spawnError: Error | undefined;
  /** The last lines of stderr, oldest first. */
  readonly stderrTail: readonly string[];
}

/** Of a child that never ran, or does not end. */
export const noExit: Exit = { code: null, signal: null, spawnError: undefined, stderrTail: [] };

// A grandchild can hold the pipes open after the exit, so `close` is not waited for longer.
const drainMs = 1_000;
// Without stdout the child can answer nobody; it gets this long to leave by itself.
const muteMs = 2_000;
const tailLines = 50;

/** One running backend. */
export class BackendProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stderr: StderrRing;
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;

  constructor(
    program: BackendProgram,
    env: Readonly<Record<string, string>>,
    onStderr: (line: string) => void,
  ) {
    this.#stderr = new StderrRing(onStderr);
    this.#child = spawn(program.command, [...program.args], {
      env: backendEnvironment(process.env, env),
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      // A group of its own, so that all of it can be ended; on Windows it would be a console window.
      detached: process.platform !== 'win32',
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
    });
    // The listener of `error` first: without free descriptors there are no pipes to listen to.
    this.exited = this.#waitForExit();
    this.#listen();
  }

  get input(): Writable {
    return this.#child.stdin;
  }

  get output(): Readable {
    return this.#child.stdout;
  }

  get hasExited(): boolean {
    return this.#exit !== undefined;
  }

  /** Close stdin: the portable request to leave. */
  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Send *signal* unless it has ended; SIGKILL ends what it started as well. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (!this.hasExited && this.#child.pid !== undefined) {
      endTree(this.#child.pid, signal);
    }
  }

  #listen(): void {
    const { stdin, stdout, stderr } = this.#child;
    // A write to a dead child is an error event, and without a listener it ends the whole app;
    // the exit itself tells the supervisor.
    const ignore = (): void => undefined;
    for (const stream of [stdin, stdout, stderr]) {
      stream.on('error', ignore);
    }
    stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    stdout.once('end', () => {
      const timer = setTimeout(() => this.kill('SIGKILL'), muteMs);
      void this.exited.then(() => clearTimeout(timer));
    });
  }

  #waitForExit(): Promise<Exit> {
    return new Promise((resolve) => {
      const finish = (code: number | null, signal: string | null, spawnError?: Error): void => {
        this.#exit ??= { code, signal, spawnError, stderrTail: this.#stderr.tail(tailLines) };
        resolve(this.#exit);
      };
      this.#child.on('error', (error) => {
        // The same event tells of a failed kill, when there is a process.
        if (this.#child.pid === undefined) {
          finish(null, null, error);
        }
      });
      this.#child.once('exit', (code, signal) => {
        if (code !== 0 && this.#child.pid !== undefined && process.platform !== 'win32') {
          // What a crash left behind would hold the pipes, and the store.
          endTree(this.#child.pid, 'SIGKILL');
        }
        const timer = setTimeout(() => finish(code, signal), drainMs);
        this.#child.once('close', () => {
          clearTimeout(timer);
          finish(code, signal);
        });
      });
    });
  }
}
