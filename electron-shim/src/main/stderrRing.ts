/** The last lines of the backend's stderr, for problem reports. */

import { LineSplitter } from './lines';

const maxLines = 500;
const maxLineCharacters = 2_000;
// Longer lines come from a runaway print; only their size is kept.
const maxLineBytes = 65_536;

/** Keep the newest lines and tell each one as it comes. */
export class StderrRing {
  readonly #lines: string[] = [];
  readonly #splitter: LineSplitter;

  constructor(onLine: (line: string) => void) {
    const add = (line: string): void => {
      this.#lines.push(line);
      if (this.#lines.length > maxLines) {
        this.#lines.shift();
      }
      onLine(line);
    };
    this.#splitter = new LineSplitter(maxLineBytes, {
      line: (bytes) => add(bytes.toString('utf8').trimEnd().slice(0, maxLineCharacters)),
      oversize: (bytes) => add(`[a line of ${bytes} bytes]`),
    });
  }

  /** Take a chunk of stderr. */
  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }

  /** Return the last *count* lines, oldest first. */
  tail(count: number = maxLines): readonly string[] {
    return this.#lines.slice(-count);
  }
}
