/** What the app, the machine and the updater do with the backend: its quit, its sleep, its end. */

import type { EventEmitter } from 'events';

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

/** Who sleeps and wakes with the machine. */
export interface Sleeper {
  suspend(): void;
  resume(): void;
}

/** Follow the machine into sleep and out of it, and quit in order before it goes down. */
export function followPower(power: EventEmitter, app: QuittingApp, sleeper: Sleeper): () => void {
  const suspend = (): void => sleeper.suspend();
  const resume = (): void => sleeper.resume();
  const shutdown = (event: QuitEvent): void => {
    event.preventDefault();
    app.quit();
  };
  power.on('suspend', suspend);
  power.on('resume', resume);
  power.on('shutdown', shutdown);
  return () => {
    power.removeListener('suspend', suspend);
    power.removeListener('resume', resume);
    power.removeListener('shutdown', shutdown);
  };
}

/**
 * Stop at once when *source* tells *event*: a window's `session-end`, an updater's last word.
 *
 * Windows ends a session without `before-quit`, and an installer must find no file in use
 * (electron.md failure modes 13 and 24).
 */
export function stopAtOnce(source: EventEmitter, event: string, stop: () => unknown): () => void {
  const listener = (): void => void stop();
  source.on(event, listener);
  return () => {
    source.removeListener(event, listener);
  };
}
