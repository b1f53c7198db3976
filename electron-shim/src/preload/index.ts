/** The sandboxed preload: puts the port to the main process on `window.school`. */

import { contextBridge, ipcRenderer } from 'electron';
import { Emitter } from '../shared/emitter';
import {
  type Envelope,
  type Invocation,
  invokeChannel,
  type Push,
  pushChannel,
  type SchoolPort,
} from '../shared/ipc';
import type { BridgeStatus } from '../shared/status';

const topics = new Emitter<Record<string, unknown>>((error) => console.error(error));
const statuses = new Emitter<{ readonly status: BridgeStatus }>((error) => console.error(error));

const steps = new Emitter<{ readonly progress: Step }>((error) => console.error(error));

type Step = Extract<Push, { readonly kind: 'progress' }>;

ipcRenderer.on(pushChannel, (_event, push: Push) => {
  switch (push.kind) {
    case 'status':
      statuses.emit('status', push.status);
      break;
    case 'progress':
      steps.emit('progress', push);
      break;
    case 'notification':
      for (const topic of push.topics) {
        topics.emit(topic, push.payload);
      }
  }
});

// Electron's answer is untyped; the main process always sends an envelope.
function invoke<R>(invocation: Invocation): Promise<Envelope<R>> {
  return ipcRenderer.invoke(invokeChannel, invocation) as Promise<Envelope<R>>;
}

const port: SchoolPort = {
  send: (channel, params, options) => invoke({ ...options, kind: 'call', channel, params }),
  // Where nobody answers any more there is nothing to give up.
  cancel: (id) => void invoke({ kind: 'cancel', id }).catch(() => undefined),
  // The closure that unsubscribes is made here: a function that crosses the bridge twice is a
  // new one each time, so a listener could not be named again (failure mode 18).
  receive: (topic, callback) => topics.on(topic, (payload) => callback(payload)),
  status: () => invoke({ kind: 'status' }),
  onStatus: (callback) => statuses.on('status', (status) => callback(status)),
  onProgress: (callback) => steps.on('progress', ({ id, value }) => callback(id, value)),
};

contextBridge.exposeInMainWorld('school', port);
