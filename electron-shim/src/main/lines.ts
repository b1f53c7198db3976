/** Chunks of bytes to lines: splits on 0x0A alone, in linear time, with a size cap. */

const lineFeed = 0x0a;

/** What the splitter tells; the bytes of a line come without the line feed. */
export interface LineSink {
  line(bytes: Buffer): void;
  /** A line over the limit ended; its content was not kept. */
  oversize(bytes: number): void;
}

/**
 * Split a byte stream into lines.
 *
 * Chunks of an unfinished line are kept in a list and joined once, so that a line of 30 MB in
 * 64 KiB chunks costs one copy; U+2028 and lone CR are data (electron.md failure mode 9).
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #sink: LineSink;
  #chunks: Buffer[] = [];
  #lineBytes = 0;

  constructor(maxLineBytes: number, sink: LineSink) {
    this.#maxLineBytes = maxLineBytes;
    this.#sink = sink;
  }

  /** Take the next chunk; half a line waits for its end. */
  push(chunk: Buffer): void {
    let start = 0;
    let end = chunk.indexOf(lineFeed);
    while (end !== -1) {
      this.#keep(chunk.subarray(start, end));
      this.#finish();
      start = end + 1;
      end = chunk.indexOf(lineFeed, start);
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length;
    if (this.#lineBytes > this.#maxLineBytes) {
      this.#chunks = [];
      return;
    }
    if (part.length > 0) {
      this.#chunks.push(part);
    }
  }

  #finish(): void {
    const bytes = this.#lineBytes;
    const chunks = this.#chunks;
    this.#lineBytes = 0;
    this.#chunks = [];
    if (bytes > this.#maxLineBytes) {
      this.#sink.oversize(bytes);
      return;
    }
    const [first] = chunks;
    this.#sink.line(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
  }
}
