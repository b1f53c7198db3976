/** The channels that windows may use: an allow-list, filled at registration. */

import { type Channel, mainOnlyChannels } from '../generated/channels.gen';
import type { Unsubscribe } from '../shared/emitter';
import { isJsonObject } from '../shared/json';
import type { ParamsOf, ResultOf } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import type { Backend } from './backend';
import type { CancelSignal } from './call';
import { readParams, type Validator } from './validator';

/** What a handler may use. */
export interface ChannelContext {
  /** Calls the backend as the window wants it: its limit, its progress, until it gives the call up. */
  readonly send: Backend['send'];
  /** Aborted when the window gives the call up. */
  readonly signal: CancelSignal;
  /** The `webContents.id` of the window that asks. */
  readonly windowId: number;
}

/** One channel that windows may use. */
export interface IPCChannel<P, R> {
  readonly name: string;
  readonly handler: (params: P, ctx: ChannelContext) => Promise<R> | R;
  readonly validator: Validator<P>;
}

/** A channel as the registry keeps it: its types checked, its validator bound to its handler. */
export interface RegisteredChannel {
  readonly name: string;
  readonly run: (params: unknown, ctx: ChannelContext) => Promise<unknown>;
}

/** Make a channel of one's own. */
export function defineChannel<P, R>(channel: IPCChannel<P, R>): IPCChannel<P, R> {
  return channel;
}

/**
 * Make the channel that passes on to the backend.
 *
 * `send` holds the params against the contract; *validator* can ask for more, or change them.
 */
export function rpcChannel<C extends Channel>(
  name: C,
  validator: Validator<ParamsOf<C>> = (value): value is ParamsOf<C> => isJsonObject(value),
): IPCChannel<ParamsOf<C>, ResultOf<C>> {
  return { name, handler: (params, ctx) => ctx.send(name, params), validator };
}

/** The life cycle belongs to the main process. */
const reserved: readonly string[] = ['initialize', ...mainOnlyChannels];

/** The allow-list. */
export class ChannelRegistry {
  readonly #channels = new Map<string, RegisteredChannel>();

  /** Allow *channel* until the returned function is called. @throws RangeError: taken or reserved. */
  register<P, R>(channel: IPCChannel<P, R>): Unsubscribe {
    const { name, handler, validator } = channel;
    if (reserved.includes(name) || name.startsWith('$/')) {
      throw new RangeError(`${name} belongs to the main process`);
    }
    if (this.#channels.has(name)) {
      throw new RangeError(`${name} is registered already`);
    }
    const run = async (params: unknown, ctx: ChannelContext): Promise<R> =>
      handler(await readParams(validator, params), ctx);
    this.#channels.set(name, { name, run });
    return () => {
      this.#channels.delete(name);
    };
  }

  /** Return the channel *name*. @throws BackendError CHANNEL_REFUSED */
  require(name: string): RegisteredChannel {
    const channel = this.#channels.get(name);
    if (channel === undefined) {
      throw shimError('CHANNEL_REFUSED', { details: { channel: name } });
    }
    return channel;
  }
}
