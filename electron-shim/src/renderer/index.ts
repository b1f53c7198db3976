/** The typed client of a window; knows no Electron. */

import type { Channel } from '../generated/channels.gen';
import type { Unsubscribe } from '../shared/emitter';
import type { Envelope, SchoolPort } from '../shared/ipc';
import type {
  CallMeta,
  ParamsOf,
  PayloadOf,
  ProgressValue,
  ResultOf,
  Topic,
} from '../shared/protocol';
import type { BridgeStatus } from '../shared/status';
import { ask, Calls } from './calls';

export type * from '../generated/channels.gen';
export { BackendError, type Failure } from '../shared/errors';
export type { SchoolPort } from '../shared/ipc';
export type {
  BackendEvent,
  CallMeta,
  ParamsOf,
  ProgressValue,
  ResultOf,
  Topic,
} from '../shared/protocol';
export type { BridgeStatus } from '../shared/status';

/** How a call is to be done: what the backend is told of it, and what the window wants to hear. */
export interface SendOptions extends CallMeta {
  /** Gives the call up; whether it took effect by then stands in the error's `outcome`. */
  readonly signal?: AbortSignal;
  /** Hears how far it is; of a channel that starts a job, until the job's end. */
  readonly onProgress?: (value: ProgressValue) => void;
}

export interface SchoolClient {
  /** Call a channel. @throws BackendError */
  send<C extends Channel>(
    channel: C,
    params: ParamsOf<C>,
    options?: SendOptions,
  ): Promise<ResultOf<C>>;
  /** Call a channel the app defined itself. @throws BackendError */
  sendCustom(channel: string, params: object, options?: SendOptions): Promise<unknown>;
  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe;
  status(): Promise<BridgeStatus>;
  /** Hear the status now and after every change. */
  onStatus(callback: (status: BridgeStatus) => void): Unsubscribe;
}

/** Give the port on `window.school` its types and its errors. */
export function createClient(port: SchoolPort): SchoolClient {
  const calls = new Calls(port);
  return {
    send: async <C extends Channel>(channel: C, params: ParamsOf<C>, options?: SendOptions) =>
      (await calls.send(channel, params, options)) as ResultOf<C>,
    sendCustom: (channel, params, options) => calls.send(channel, params, options),
    receive: (topic, callback) =>
      port.receive(topic, (payload) => callback(payload as PayloadOf<typeof topic>)),
    status: () => ask(() => port.status()),
    onStatus: (callback) => followStatus(port, callback),
  };
}

function followStatus(port: SchoolPort, callback: (status: BridgeStatus) => void): Unsubscribe {
  let isOutdated = false;
  const unsubscribe = port.onStatus((status) => {
    isOutdated = true;
    callback(status);
  });
  // Electron promises no order between an answer and a push: an answer that comes second may be
  // the older one, and a window that believed it would wait for ever.
  const tellFirst = (envelope: Envelope<BridgeStatus>): void => {
    if (envelope.ok && !isOutdated) {
      callback(envelope.result);
    }
  };
  port.status().then(tellFirst, () => undefined);
  return () => {
    isOutdated = true;
    unsubscribe();
  };
}
