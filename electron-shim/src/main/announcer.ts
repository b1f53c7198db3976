/** Tells what a backend does to whoever listens: its signals by name, its notifications by topic. */

import { Emitter, type Unsubscribe } from '../shared/emitter';
import type { JsonObject } from '../shared/json';
import type { BackendEvent, PayloadOf, Topic } from '../shared/protocol';
import { type BridgeStatus, serverOf } from '../shared/status';
import type { BackendSignals } from './backend';
import { warnOfBug } from './warnOfBug';

export class Announcer {
  readonly #signals = new Emitter<BackendSignals>(warnOfBug);
  readonly #topics = new Emitter<Record<string, JsonObject>>(warnOfBug);
  #isServing = false;

  on<K extends keyof BackendSignals>(
    name: K,
    callback: (payload: BackendSignals[K]) => void,
  ): Unsubscribe {
    return this.#signals.on(name, callback);
  }

  receive<T extends Topic>(topic: T, callback: (payload: PayloadOf<T>) => void): Unsubscribe {
    return this.#topics.on(topic, (payload: unknown) => callback(payload as PayloadOf<T>));
  }

  tell<K extends keyof BackendSignals>(name: K, payload: BackendSignals[K]): void {
    this.#signals.emit(name, payload);
  }

  /** Tell a status and what is new in it. */
  entered(status: BridgeStatus): void {
    const server = serverOf(status);
    const isNew = server !== undefined && !this.#isServing;
    this.#isServing = server !== undefined;
    this.tell('status', status);
    if (isNew) {
      this.tell('ready', server);
    } else if (status.state === 'backoff') {
      this.tell('restarting', { attempt: status.attempt, delayMs: status.delayMs });
    } else if (status.state === 'failed') {
      this.tell('failed', { reason: status.reason, stderrTail: status.stderrTail });
    }
  }

  /** Tell an event to those who listen to its type, and to those who listen to all. */
  happened(event: JsonObject & BackendEvent): void {
    this.tell('event', event);
    this.#publish(['event', event.type], event);
  }

  /** Tell a notification that is no event. */
  notified(method: string, payload: JsonObject): void {
    this.#publish([method], payload);
  }

  #publish(topics: readonly string[], payload: JsonObject): void {
    for (const topic of topics) {
      this.#topics.emit(topic, payload);
    }
    this.tell('notification', { topics, payload });
  }
}
