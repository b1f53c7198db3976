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
import { isJsonObject } from '../shared/json';
import type { ProgressValue } from '../shared/protocol';
import { asBackendError, shimError } from '../shared/shimErrors';
import type { BridgeStatus } from '../shared/status';
import type { Backend } from './backend';
import type { CallOptions, CancelSignal } from './call';
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
  on(event: PageChange, listener: () => void): unknown;
  removeListener(event: PageChange | 'destroyed', listener: () => void): unknown;
}

/** What puts another page in the place of one, in the main frame. */
type PageChange = (typeof pageChanges)[number];
const pageChanges = ['did-navigate', 'render-process-gone'] as const;

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
  readonly detach: Unsubscribe;
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
    limits: Partial<WindowLimits> = {},
  ) {
    this.#backend = backend;
    this.#registry = registry;
    this.#trusted = trusted;
    this.#ipcMain = ipcMain;
    this.#limits = { maxInFlight: 16, maxWaiting: 64, timeoutMs: 30_000, ...limits };
    ipcMain.handle(invokeChannel, (event, message) => this.#answer(event, message));
    this.#unsubscribe = [
      backend.on('status', (status) => this.#pushStatus(status)),
      backend.on('notification', (notice) =>
        this.#push({ kind: 'notification', ...notice }, notice.topics),
      ),
    ];
  }

  /** Let *page* do what *rights* say until it is closed. */
  attach(page: Page, { channels = 'all', events = 'all' }: Rights = {}): Unsubscribe {
    const calls = new WindowCalls(this.#limits);
    const { id } = page;
    // Nobody hears the answers any more, and the next page has not asked.
    const giveUp = (): void => calls.cancelAll();
    const forget = (): void => {
      giveUp();
      // It may have been attached anew since, with other rights.
      if (this.#pages.get(id) === entry) {
        this.#pages.delete(id);
      }
    };
    const detach = (): void => {
      forget();
      // What is destroyed throws when it is touched, and an app that throws in a quit hangs.
      if (!page.isDestroyed()) {
        page.removeListener('destroyed', forget);
        for (const change of pageChanges) {
          page.removeListener(change, giveUp);
        }
      }
    };
    const entry: AttachedPage = { page, channels, events, calls, detach };
    this.#pages.get(id)?.detach();
    this.#pages.set(id, entry);
    page.once('destroyed', forget);
    for (const change of pageChanges) {
      page.on(change, giveUp);
    }
    return detach;
  }

  /** Serve no window any more. */
  close(): void {
    this.#ipcMain.removeHandler(invokeChannel);
    for (const unsubscribe of this.#unsubscribe) {
      unsubscribe();
    }
    for (const { detach } of [...this.#pages.values()]) {
      detach();
    }
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
        return statusFor(entry, this.#backend.status());
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
    const work = (signal: CancelSignal, leftMs: number): Promise<unknown> => {
      const own: CallOptions = {
        signal,
        timeoutMs: leftMs,
        ...(wantsProgress === true ? { onProgress } : {}),
      };
      return registered.run(withoutToken(params), {
        send: (name, sent, options) => this.#backend.send(name, sent, { ...own, ...options }),
        signal,
        windowId: page.id,
      });
    };
    return calls.run(id, work, timeoutMs);
  }

  #pushStatus(status: BridgeStatus): void {
    for (const entry of this.#pages.values()) {
      this.#tell(entry.page, { kind: 'status', status: statusFor(entry, status) });
    }
  }

  #push(push: Push, topics: readonly string[]): void {
    for (const { page, events } of this.#pages.values()) {
      if (events === 'all' || topics.some((one) => events.includes(one))) {
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
      // The frame may be back with the next push; a window that is gone says so by `destroyed`.
    }
  }
}

/** What the backend wrote to stderr may name anybody: it is for windows that hear everything. */
function statusFor({ events }: AttachedPage, status: BridgeStatus): BridgeStatus {
  return status.state === 'failed' && events !== 'all' ? { ...status, stderrTail: [] } : status;
}

/** Take out the name that progress goes by: with another window's it would be told there. */
function withoutToken(params: unknown): unknown {
  if (!isJsonObject(params) || !isJsonObject(params['_meta'])) {
    return params;
  }
  const { progressToken: _, ...meta } = params['_meta'];
  return { ...params, _meta: meta };
}
