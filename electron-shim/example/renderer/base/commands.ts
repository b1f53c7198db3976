/** Commands that are sent until it is known what became of them; knows no DOM. */

import {
  BackendError,
  type Channel,
  type ParamsOf,
  type ResultOf,
  type SchoolClient,
} from '../../../src/renderer';

const mostDeliveries = 4;

/**
 * Send a command under one idempotency key, again after every restart that left its outcome open.
 *
 * The key makes it one command however often it arrives.
 *
 * @throws BackendError the first answer that is certain, or the last one that is not.
 */
export async function sendOnce<C extends Channel>(
  client: SchoolClient,
  channel: C,
  params: ParamsOf<C>,
): Promise<ResultOf<C>> {
  const idempotencyKey = newKey();
  for (let delivery = 1; ; delivery += 1) {
    try {
      return await client.send(channel, params, { idempotencyKey });
    } catch (error) {
      if (delivery === mostDeliveries || !isWorthAnother(error)) {
        throw error;
      }
      await untilReady(client, error);
    }
  }
}

/** A backend that went away answers nothing certain; the next one will. */
function isWorthAnother(error: unknown): boolean {
  return (
    error instanceof BackendError &&
    (error.outcome === 'unknown' || error.symbol === 'BACKEND_RESTARTING')
  );
}

/** Wait for a backend that serves. @throws *error* when there will be none. */
function untilReady(client: SchoolClient, error: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = client.onStatus(({ state }) => {
      if (state === 'ready' || state === 'degraded') {
        resolve();
      } else if (state === 'failed' || state === 'stopping' || state === 'stopped') {
        reject(error);
      } else {
        return;
      }
      // The first status may come before there is anything to stop.
      void Promise.resolve().then(() => stop());
    });
  });
}

function newKey(): string {
  const numbers = Array.from(crypto.getRandomValues(new Uint32Array(4)));
  return `desk-${numbers.map((number) => number.toString(36)).join('')}`;
}
