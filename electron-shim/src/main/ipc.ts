/** One invoke channel in, one push channel out, for the windows that were attached. */

import type { Unsubscribe } from '../shared/emitter';
import { BackendError } from '../shared/errors';
import {
  type Envelope,
  type Invocation,
  invokeChannel,
  type Push,
  pushChannel,
  readInvocation,
} from '../shared/ipc';
import type { ProgressValue } from '../shared/protocol';
import { asBackendError, shimError } from '../shared/shimErrors';
import type { Backend } from './backend';
import type { CallOptions } from './call';
import type { ChannelRegistry } from './channels';
import { isTrustedSender, isTrustedUrl, type Sender } from './sender';
import { warnOfBug } from './warnOfBug';
import { WindowCalls, type WindowLimits } from './windowCalls';

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

/** What a window may do; all that is registered, and hear all that is told, by default. */
export interface Rights {
  readonly channels?: readonly string[] | 'all';
  /** Event types, and `$/progress` of everybody's calls. */
  readonly events?: readonly string[] | 'all';
}

interface AttachedPage {
  readonly page: Page;
  readonly channels: readonly string[] | 'all';
  readonly events: readonly string[] | 'all';
  readonly calls: WindowCalls;
}

type Call = Extract<Invocation, { readonly kind: 'call' }>;

/** Serve the attached windows. */
export class WindowGate {
  readonly #backend: Backend;
  readonly #registry: ChannelRegistry;
  readonly #trusted: readonly string[];
  readonly #ipcMain: IpcMainPort;
  readonly #limits: WindowLimits;
  readonly #pages = new Map<number, AttachedPage>();
  readonly #unsubscribe: readonly Unsubscribe[];

  constructor(
    backend: Backend,
    registry: ChannelRegistry,
    trusted: readonly string[],
    ipcMain: IpcMainPort,
    limits: WindowLimits = { maxInFlight: 16, maxWaiting: 64 },
  ) {
    this.#backend = backend;
    this.#registry = registry;
    this.#trusted = trusted;
    this.#ipcMain = ipcMain;
    this.#limits = limits;
    ipcMain.handle(invokeChannel, (event, message) => this.#answer(event, message));
    this.#unsubscribe = [
      backend.on('status', (status) => this.#push({ kind: 'status', status })),
      backend.on('notification', (notice) =>
        this.#push({ kind: 'notification', ...notice }, notice.topics),
      ),
    ];
  }

  /** Let *page* do what *rights* say until it is closed. */
  attach(page: Page, { channels = 'all', events = 'all' }: Rights = {}): Unsubscribe {
    const entry = { page, channels, events, calls: new WindowCalls(this.#limits) };
    const { id } = page;
    const forget = (): void => {
      // It may have been attached anew since, with other rights.
      if (this.#pages.get(id) === entry) {
        this.#pages.delete(id);
      }
    };
    this.#pages.set(id, entry);
    page.once('destroyed', forget);
    return () => {
      forget();
      // What is destroyed throws when it is touched, and an app that throws in a quit hangs.
      if (!page.isDestroyed()) {
        page.removeListener('destroyed', forget);
      }
    };
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
    switch (invocation.kind) {
      case 'status':
        return this.#backend.status();
      case 'cancel':
        entry.calls.cancel(invocation.id);
        return {};
      default:
        return this.#call(entry, invocation);
    }
  }

  #call({ page, channels, calls }: AttachedPage, call: Call): Promise<unknown> {
    const { channel, params, id, timeoutMs, wantsProgress } = call;
    if (channels !== 'all' && !channels.includes(channel)) {
      throw shimError('CHANNEL_REFUSED', { details: { channel } });
    }
    const registered = this.#registry.require(channel);
    const onProgress = (value: ProgressValue): void => {
      this.#tell(page, { kind: 'progress', id: id ?? '', value });
    };
    return calls.run(id, (signal) => {
      const own: CallOptions = {
        signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(wantsProgress === true ? { onProgress } : {}),
      };
      return registered.run(params, {
        send: (name, sent, options) => this.#backend.send(name, sent, { ...own, ...options }),
        signal,
        windowId: page.id,
      });
    });
  }

  #push(push: Push, topics: readonly string[] = []): void {
    for (const { page, events } of this.#pages.values()) {
      if (topics.length === 0 || events === 'all' || topics.some((one) => events.includes(one))) {
        this.#tell(page, push);
      }
    }
  }

  #tell(page: Page, push: Push): void {
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
