/** The quit hook: the app leaves after the backend has, and never waits for ever. */

/** An event that can be put off. */
export interface QuitEvent {
  preventDefault(): void;
}

/** Electron's `app`, as far as it is used. */
export interface QuittingApp {
  on(event: 'before-quit', listener: (event: QuitEvent) => void): unknown;
  removeListener(event: 'before-quit', listener: (event: QuitEvent) => void): unknown;
  quit(): void;
}

/**
 * Put off the quit until *stop* has settled, then quit again.
 *
 * `preventDefault` must be called before anything asynchronous; *stop* has its own total limit.
 */
export function stopBeforeQuit(app: QuittingApp, stop: () => Promise<unknown>): () => void {
  let isStopping = false;
  let isStopped = false;
  const listener = (event: QuitEvent): void => {
    if (isStopped) {
      // A window can still call the quit off; the next one is to stop what was started since.
      isStopped = false;
      return;
    }
    event.preventDefault();
    if (isStopping) {
      return;
    }
    isStopping = true;
    const quit = (): void => {
      isStopping = false;
      isStopped = true;
      app.quit();
    };
    stop().then(quit, quit);
  };
  app.on('before-quit', listener);
  return () => {
    app.removeListener('before-quit', listener);
  };
}
