/** One invoke channel in, one push channel out, for the windows that were attached. */

import type { Unsubscribe } from '../shared/emitter';
import { BackendError } from '../shared/errors';
import {
  type Envelope,
  invokeChannel,
  type Push,
  pushChannel,
  readInvocation,
} from '../shared/ipc';
import { asBackendError, shimError } from '../shared/shimErrors';
import type { Backend } from './backend';
import type { ChannelRegistry } from './channels';
import { isTrustedSender, isTrustedUrl, type Sender } from './sender';
import { warnOfBug } from './warnOfBug';

/** A page as far as it is pushed to; Electron's WebContents is one. */
export interface Page {
  readonly id: number;
  getURL(): string;
  isDestroyed(): boolean;
  send(channel: string, ...args: readonly unknown[]): void;
  once(event: 'destroyed', listener: () => void): unknown;
  removeListener(event: 'destroyed', listener: () => void): unknown;
}

/** An invocation of a page. */
export interface PageEvent extends Sender {
  readonly sender: { readonly id: number; getURL(): string };
}

/** Electron's `ipcMain`, as far as it is used. */
export interface IpcMainPort {
  handle(channel: string, listener: (event: PageEvent, message: unknown) => unknown): void;
  removeHandler(channel: string): void;
}

/** Serve the attached windows. */
export class WindowGate {
  readonly #backend: Backend;
  readonly #registry: ChannelRegistry;
  readonly #trusted: readonly string[];
  readonly #ipcMain: IpcMainPort;
  readonly #pages = new Map<number, { page: Page; channels: readonly string[] | 'all' }>();
  readonly #unsubscribe: readonly Unsubscribe[];

  constructor(
    backend: Backend,
    registry: ChannelRegistry,
    trusted: readonly string[],
    ipcMain: IpcMainPort,
  ) {
    this.#backend = backend;
    this.#registry = registry;
    this.#trusted = trusted;
    this.#ipcMain = ipcMain;
    ipcMain.handle(invokeChannel, (event, message) => this.#answer(event, message));
    this.#unsubscribe = [
      backend.on('status', (status) => this.#push({ kind: 'status', status })),
      backend.on('notification', (notice) => this.#push({ kind: 'notification', ...notice })),
    ];
  }

  /** Let *page* call *channels* (all registered ones by default) until it is closed. */
  attach(page: Page, channels: readonly string[] | 'all' = 'all'): Unsubscribe {
    const entry = { page, channels };
    const detach = (): void => {
      page.removeListener('destroyed', detach);
      // It may have been attached anew since, with other rights.
      if (this.#pages.get(page.id) === entry) {
        this.#pages.delete(page.id);
      }
    };
    this.#pages.set(page.id, entry);
    page.once('destroyed', detach);
    return detach;
  }

  /** Serve no window any more. */
  close(): void {
    this.#ipcMain.removeHandler(invokeChannel);
    for (const unsubscribe of this.#unsubscribe) {
      unsubscribe();
    }
    this.#pages.clear();
  }

  /** Rejected invocations lose everything but their message, so errors are answers too. */
  async #answer(event: PageEvent, message: unknown): Promise<Envelope<unknown>> {
    try {
      return { ok: true, result: await this.#run(event, message) };
    } catch (error) {
      if (!(error instanceof BackendError)) {
        warnOfBug(error);
      }
      return { ok: false, error: asBackendError(error).toFailure() };
    }
  }

  #run(event: PageEvent, message: unknown): unknown {
    const entry = this.#pages.get(event.sender.id);
    if (entry === undefined || !isTrustedSender(event, this.#trusted)) {
      throw shimError('SENDER_REFUSED');
    }
    const invocation = readInvocation(message);
    if (invocation === undefined) {
      throw shimError('PARAMS_REFUSED');
    }
    if (invocation.kind === 'status') {
      return this.#backend.status();
    }
    const { channel, params } = invocation;
    if (entry.channels !== 'all' && !entry.channels.includes(channel)) {
      throw shimError('CHANNEL_REFUSED', { details: { channel } });
    }
    return this.#registry.require(channel).run(params, {
      send: (name, sent, options) => this.#backend.send(name, sent, options),
      windowId: event.sender.id,
    });
  }

  #push(push: Push): void {
    for (const { page } of this.#pages.values()) {
      // A destroyed frame inside living contents throws all the same (failure mode 17).
      try {
        // Nor may a page hear what it may not ask for, once it has gone elsewhere.
        if (!page.isDestroyed() && isTrustedUrl(page.getURL(), this.#trusted)) {
          page.send(pushChannel, push);
        }
      } catch {
        this.#pages.delete(page.id);
      }
    }
  }
}
