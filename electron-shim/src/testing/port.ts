/** The port of a window straight to a backend: no Electron, no rights. */

import type { Channel } from '../generated/channels.gen';
import type { Backend } from '../main/backend';
import { Cancellation } from '../main/cancellation';
import { Emitter } from '../shared/emitter';
import type { Envelope, SchoolPort } from '../shared/ipc';
import type { ParamsOf, ProgressValue, Topic } from '../shared/protocol';
import { asBackendError } from '../shared/shimErrors';
import type { BridgeStatus } from '../shared/status';

/** Let a client speak to *backend* as if a preload and a bridge stood between. */
export function portOf(backend: Backend): SchoolPort {
  const steps = new Emitter<{ readonly step: { id: string; value: ProgressValue } }>((error) => {
    throw error;
  });
  const calls = new Map<string, Cancellation>();
  return {
    send: async (channel, params, { id = '', timeoutMs, wantsProgress } = {}) => {
      const cancellation = new Cancellation();
      calls.set(id, cancellation);
      const onProgress = (value: ProgressValue): void => steps.emit('step', { id, value });
      const answer = await enveloped(() =>
        backend.send(channel as Channel, params as ParamsOf<Channel>, {
          signal: cancellation,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          ...(wantsProgress === true ? { onProgress } : {}),
        }),
      );
      calls.delete(id);
      return answer;
    },
    cancel: (id) => calls.get(id)?.abort(),
    receive: (topic, callback) => backend.receive(topic as Topic, callback),
    status: () => enveloped<BridgeStatus>(async () => backend.status()),
    onStatus: (callback) => backend.on('status', callback),
    onProgress: (callback) => steps.on('step', ({ id, value }) => callback(id, value)),
  };
}

async function enveloped<R>(call: () => Promise<R>): Promise<Envelope<R>> {
  try {
    // As over IPC nothing is shared with the other side.
    return { ok: true, result: JSON.parse(JSON.stringify(await call())) as R };
  } catch (error) {
    return { ok: false, error: asBackendError(error).toFailure() };
  }
}
