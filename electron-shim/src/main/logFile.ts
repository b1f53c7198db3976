/** A log on the disk that never grows beyond its files, and never holds anybody up. */

import {
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  type WriteStream,
} from 'fs';
import { dirname } from 'path';

export interface LogFileOptions {
  readonly path: string;
  /** 5 MiB unless told otherwise. */
  readonly maxBytes?: number;
  /** Older files that are kept, as `path.1` to `path.4` unless told otherwise. */
  readonly keepFiles?: number;
}

// A disk that takes no more than this waits for nobody; what comes meanwhile is counted.
const maxQueuedBytes = 1_048_576;
// A quit waits for the log, but must end.
const closeMs = 500;

/** Append lines to *path*; full, it becomes `path.1`, and so on to the last, which goes. */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #keepFiles: number;
  readonly #onError: (error: unknown) => void;
  #stream: WriteStream | undefined;
  /** Unknown before the first line. */
  #bytes: number | undefined;
  #dropped = 0;
  #isBroken = false;

  constructor(options: LogFileOptions, onError: (error: unknown) => void) {
    this.#path = options.path;
    this.#maxBytes = options.maxBytes ?? 5_242_880;
    this.#keepFiles = options.keepFiles ?? 4;
    this.#onError = onError;
  }

  /** Write one line, its time in front. */
  write(line: string): void {
    if (this.#isBroken) {
      return;
    }
    try {
      this.#append(line);
    } catch (error) {
      this.#break(error);
    }
  }

  /**
   * Wait until all of it is written, but for no dead disk and no longer than *limitMs*; a later
   * `write` opens it again.
   */
  async close(limitMs: number = closeMs): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, Math.min(closeMs, limitMs)));
      stream.once('close', () => resolve());
      stream.end();
    });
    clearTimeout(timer);
  }

  #append(line: string): void {
    const stream = this.#open();
    if (stream.writableLength > maxQueuedBytes) {
      this.#dropped += 1;
      return;
    }
    const missing = this.#dropped === 0 ? '' : `[${this.#dropped} lines were dropped]\n`;
    this.#dropped = 0;
    const bytes = Buffer.from(`${missing}${new Date().toISOString()} ${line}\n`, 'utf8');
    stream.write(bytes);
    this.#bytes = (this.#bytes ?? 0) + bytes.length;
    if (this.#bytes >= this.#maxBytes) {
      stream.end();
      this.#stream = undefined;
    }
  }

  #open(): WriteStream {
    if (this.#stream !== undefined) {
      return this.#stream;
    }
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    this.#bytes ??= existsSync(this.#path) ? statSync(this.#path).size : 0;
    if (this.#bytes >= this.#maxBytes) {
      this.#rotate();
      this.#bytes = 0;
    }
    // Opened before anything else happens to the name.
    const stream = createWriteStream('', { fd: openSync(this.#path, 'a', 0o600) });
    stream.on('error', (error) => this.#break(error));
    this.#stream = stream;
    return stream;
  }

  #rotate(): void {
    for (let number = this.#keepFiles - 1; number >= 0; number -= 1) {
      const from = number === 0 ? this.#path : `${this.#path}.${number}`;
      if (existsSync(from)) {
        renameSync(from, `${this.#path}.${number + 1}`);
      }
    }
  }

  /** Log no more; the disk is full, or the folder gone, and the app has better things to do. */
  #break(error: unknown): void {
    if (!this.#isBroken) {
      this.#isBroken = true;
      this.#onError(error);
    }
  }
}
