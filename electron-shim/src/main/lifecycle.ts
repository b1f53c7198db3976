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

/** What of Electron tells that something ends. */
export interface Ends {
  readonly app: QuittingApp;
  readonly updater: EventEmitter;
  /** Older versions have no powerMonitor before the app is ready. */
  readonly power: Promise<EventEmitter>;
}

interface Stoppable extends Sleeper {
  stopServer(options?: { readonly immediate?: boolean }): Promise<unknown>;
}

/** All the hooks of one app; `remove` takes every one of them back. */
export class QuitHooks {
  readonly #backend: Stoppable;
  readonly #unhooks: (() => void)[];
  readonly #windows = new Map<EventEmitter, () => void>();
  #isRemoved = false;

  constructor({ app, updater, power }: Ends, backend: Stoppable) {
    this.#backend = backend;
    this.#unhooks = [
      stopBeforeQuit(app, () => backend.stopServer()),
      stopAtOnce(updater, 'before-quit-for-update', () => this.#stopNow()),
    ];
    void power.then((source) => {
      if (!this.#isRemoved) {
        this.#unhooks.push(followPower(source, app, backend));
      }
    });
  }

  /** Stop with the session that *window* is part of; hooking it again changes nothing. */
  guard(window: EventEmitter): () => void {
    this.#windows.get(window)?.();
    const unhook = stopAtOnce(window, 'session-end', () => this.#stopNow());
    const forget = (): void => {
      unhook();
      window.removeListener('closed', forget);
      if (this.#windows.get(window) === forget) {
        this.#windows.delete(window);
      }
    };
    window.on('closed', forget);
    this.#windows.set(window, forget);
    return forget;
  }

  remove(): void {
    this.#isRemoved = true;
    for (const unhook of [...this.#unhooks, ...this.#windows.values()]) {
      unhook();
    }
  }

  #stopNow(): unknown {
    return this.#backend.stopServer({ immediate: true });
  }
}
