/** Who may speak to the main process: the main frame of a page we trust. */

/** A frame as `event.senderFrame` shows it; null when it is gone already. */
export interface SenderFrame {
  readonly url: string;
  readonly parent: unknown;
}

/** An invocation as far as the check needs it; Electron 9 has no `senderFrame`. */
export interface Sender {
  readonly senderFrame?: SenderFrame | null;
  readonly sender: { getURL(): string };
}

/**
 * Tell whether the invocation comes from the main frame of a trusted page.
 *
 * Without `senderFrame` only the URL of the top page is known; `attach` refuses windows in
 * which sub-frames get the preload, so no other frame can be the caller (electron.md 4.4).
 */
export function isTrustedSender(event: Sender, trusted: readonly string[]): boolean {
  const frame = event.senderFrame;
  if (frame === undefined) {
    return isTrustedUrl(event.sender.getURL(), trusted);
  }
  return frame !== null && frame.parent === null && isTrustedUrl(frame.url, trusted);
}

/**
 * Tell whether *url* is one of *trusted*.
 *
 * An entry is an origin such as `app://school` or `http://localhost:5173`, or the URL of one
 * file, for all files share one origin.
 */
export function isTrustedUrl(url: string, trusted: readonly string[]): boolean {
  const page = parse(url);
  return page !== undefined && trusted.some((entry) => parse(entry) === page);
}

function parse(text: string): string | undefined {
  try {
    const url = new URL(text);
    // `origin` is the text "null" for schemes that the URL standard does not know.
    return url.protocol === 'file:'
      ? `file://${url.host}${url.pathname}`
      : `${url.protocol}//${url.host}`;
  } catch {
    return undefined;
  }
}
