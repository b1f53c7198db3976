/** Whether the mirror is there, told as the state of a backend; knows no DOM. */

import { Emitter } from '../../../src/shared/emitter';
import { isJsonObject } from '../../../src/shared/json';
import { protocolVersion, type ServerInfo } from '../../../src/shared/protocol';
import { shimError } from '../../../src/shared/shimErrors';
import type { BridgeStatus } from '../../../src/shared/status';

const waitsMs = [500, 1_000, 2_000, 5_000, 10_000];

/** Asks until somebody answers, and again whenever a call or the events got no answer. */
export class Health {
  readonly #origin: string;
  readonly #changes = new Emitter<{ readonly status: BridgeStatus }>((error) =>
    console.error(error),
  );
  #status: BridgeStatus = { state: 'starting', attempt: 1 };
  #isAsking = false;
  #isClosed = false;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get status(): BridgeStatus {
    return this.#status;
  }

  onStatus(callback: (status: BridgeStatus) => void): () => void {
    return this.#changes.on('status', callback);
  }

  /** Ask no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Find out how it is, and go on until it is well. */
  async check(): Promise<void> {
    if (this.#isAsking) {
      return;
    }
    this.#isAsking = true;
    for (let attempt = 1; !this.#isClosed; attempt += 1) {
      const begunAt = Date.now();
      const version = await this.#ask().catch(() => undefined);
      if (version !== undefined) {
        this.#isAsking = false;
        this.#tell(version, Date.now() - begunAt);
        return;
      }
      const delayMs = waitsMs[Math.min(attempt, waitsMs.length) - 1] ?? 0;
      const reason = shimError('BACKEND_LOST', { message: 'The mirror does not answer.' });
      this.#change({ state: 'backoff', attempt, delayMs, reason: reason.toFailure() });
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  async #ask(): Promise<string | undefined> {
    const response = await fetch(`${this.#origin}/api/health`, { credentials: 'omit' });
    const answer: unknown = await response.json();
    const data = isJsonObject(answer) ? answer['data'] : undefined;
    return response.ok && isJsonObject(data) ? String(data['version']) : undefined;
  }

  #tell(version: string, bootMs: number): void {
    // A mirror tells strangers its version and no more.
    const server: ServerInfo = {
      ...{ name: 'rpcbackend', version, protocolVersion, contractHash: '' },
      ...{ pid: 0, locked: false, bootMs, contractMatches: true },
    };
    if (this.#status.state !== 'ready') {
      this.#change({ state: 'ready', server });
    }
  }

  #change(status: BridgeStatus): void {
    this.#status = status;
    this.#changes.emit('status', status);
  }
}
