/** The typed client of a window; knows no Electron. */

import type { Channel } from '../generated/channels.gen';
import type { Unsubscribe } from '../shared/emitter';
import { BackendError } from '../shared/errors';
import type { Envelope, SchoolPort } from '../shared/ipc';
import type { CallMeta, ParamsOf, PayloadOf, ResultOf, Topic } from '../shared/protocol';
import type { BridgeStatus } from '../shared/status';

export type * from '../generated/channels.gen';
export { BackendError, type Failure } from '../shared/errors';
export type { SchoolPort } from '../shared/ipc';
export type { BackendEvent, CallMeta, ParamsOf, ResultOf, Topic } from '../shared/protocol';
export type { BridgeStatus } from '../shared/status';

export interface SchoolClient {
  /** Call a channel. @throws BackendError */
  send<C extends Channel>(channel: C, params: ParamsOf<C>, meta?: CallMeta): Promise<ResultOf<C>>;
  /** Call a channel the app defined itself. @throws BackendError */
  sendCustom(channel: string, params: object): Promise<unknown>;
  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe;
  status(): Promise<BridgeStatus>;
  /** Hear the status now and after every change. */
  onStatus(callback: (status: BridgeStatus) => void): Unsubscribe;
}

/** Give the port on `window.school` its types and its errors. */
export function createClient(port: SchoolPort): SchoolClient {
  return {
    send: async <C extends Channel>(channel: C, params: ParamsOf<C>, meta?: CallMeta) => {
      const sent = meta === undefined ? params : { ...params, _meta: meta };
      return unwrap(await port.send(channel, sent)) as ResultOf<C>;
    },
    sendCustom: async (channel, params) => unwrap(await port.send(channel, params)),
    receive: (topic, callback) =>
      port.receive(topic, (payload) => callback(payload as PayloadOf<typeof topic>)),
    status: async () => unwrap(await port.status()),
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

function unwrap<R>(envelope: Envelope<R>): R {
  if (envelope.ok) {
    return envelope.result;
  }
  throw new BackendError(envelope.error);
}
