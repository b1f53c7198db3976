/** Delivers a call, and once more when the backend ended under it and nothing can happen twice. */

import { randomBytes } from 'crypto';
import {
  type Channel,
  type Idempotency,
  idempotencyOf,
  queryChannels,
} from '../generated/channels.gen';
import { BackendError } from '../shared/errors';
import { isJsonObject, type JsonObject } from '../shared/json';
import type { CallMeta } from '../shared/protocol';
import { asBackendError } from '../shared/shimErrors';
import { type CallOptions, waitWithin } from './call';
import { monotonicMs } from './clock';

/** One life of the backend, as far as calls need it. */
export interface Life {
  readonly exited: Promise<unknown>;
  call(channel: string, params: JsonObject, options: CallOptions): Promise<JsonObject>;
}

export interface Patience {
  readonly timeoutMs: number;
  readonly signal: CallOptions['signal'];
  /** Whether a crash is waited out as well. */
  readonly outlastsCrash: boolean;
  /** Whether it was sent before, and so has its place already. */
  readonly isRepeated: boolean;
}

export interface Lives {
  /** Counts the stops: one more means that nobody wants the calls of before. */
  readonly stops: number;
  /** Return the life that serves, once there is one. @throws BackendError why there will be none. */
  serving(patience: Patience): Promise<Life>;
}

/**
 * Call *channel*.
 *
 * Commands that the contract can tell apart by a key get one, unless they bring it. When the
 * backend ends during the call, keyed commands and whatever repeats harmlessly are sent to its
 * successor, once: a call that ends every backend must not (docs/adr/0026).
 *
 * @throws BackendError always, nothing else; with an unknown outcome `details.idempotencyKey`
 * settles it.
 */
export async function deliver(
  lives: Lives,
  channel: string,
  params: JsonObject,
  options: CallOptions & { readonly timeoutMs: number },
): Promise<JsonObject> {
  const delivery = new Delivery(channel, params, options);
  try {
    return await delivery.run(lives);
  } catch (error) {
    throw delivery.explain(asBackendError(error));
  }
}

const idempotencies = new Map<string, Idempotency>([
  ...(Object.entries(idempotencyOf) as [Channel, Idempotency][]),
  // Whoever ends one backend does not mean the next.
  ['shutdown', 'none'],
]);

class Delivery {
  readonly #channel: string;
  readonly #params: JsonObject;
  readonly #options: CallOptions & { readonly timeoutMs: number };
  readonly #idempotency: Idempotency;
  readonly #key: string | undefined;
  #lastSignMs = monotonicMs();

  constructor(
    channel: string,
    params: JsonObject,
    options: CallOptions & { readonly timeoutMs: number },
  ) {
    this.#channel = channel;
    this.#params = params;
    this.#options = options;
    this.#idempotency = idempotencies.get(channel) ?? 'none';
    this.#key = this.#chooseKey();
  }

  async run(lives: Lives): Promise<JsonObject> {
    const { stops } = lives;
    const life = await lives.serving(this.#patience(false));
    try {
      return await this.#send(life);
    } catch (error) {
      const isLost = error instanceof BackendError && error.symbol === 'BACKEND_LOST';
      if (!isLost || !this.#mayRepeat) {
        throw error;
      }
      return this.#repeat(lives, life, stops, error);
    }
  }

  /** Name the key where it is needed: whoever calls with it again learns what happened. */
  explain(error: BackendError): BackendError {
    return error.outcome === 'unknown' && this.#key !== undefined
      ? new BackendError({
          ...error.toFailure(),
          details: { ...error.details, idempotencyKey: this.#key },
        })
      : error;
  }

  get #mayRepeat(): boolean {
    return this.#idempotency === 'natural' || this.#key !== undefined;
  }

  async #repeat(lives: Lives, lost: Life, stops: number, loss: BackendError): Promise<JsonObject> {
    let next: Life;
    try {
      // Then the supervisor has heard of the end as well, so what serves next is another life.
      await waitWithin(lost.exited, this.#leftMs(), this.#options.signal);
      next = await lives.serving(this.#patience(true));
    } catch (error) {
      throw isCallersOwn(error) ? withOutcomeOf(loss, error) : loss;
    }
    // Whoever stopped the backend and started another wants nothing done of before.
    if (lives.stops !== stops) {
      throw loss;
    }
    try {
      return await this.#send(next);
    } catch (error) {
      throw error instanceof BackendError && !this.#isDecided(error)
        ? withOutcomeOf(loss, error)
        : error;
    }
  }

  async #send(life: Life): Promise<JsonObject> {
    const { meta, onProgress } = this.#options;
    const key = this.#key === undefined ? {} : { idempotencyKey: this.#key };
    return life.call(this.#channel, this.#params, {
      ...this.#options,
      timeoutMs: this.#leftMs(),
      meta: { ...meta, ...key },
      ...(onProgress === undefined
        ? {}
        : {
            onProgress: (value) => {
              this.#lastSignMs = monotonicMs();
              onProgress(value);
            },
          }),
    });
  }

  #patience(isRepeated: boolean): Patience {
    return {
      timeoutMs: this.#leftMs(),
      signal: this.#options.signal,
      outlastsCrash: this.#mayRepeat,
      isRepeated,
    };
  }

  /** Tell what is left of the limit; 0 is none, so at least a moment is. */
  #leftMs(): number {
    const { timeoutMs } = this.#options;
    return timeoutMs === 0 ? 0 : Math.max(1, timeoutMs - (monotonicMs() - this.#lastSignMs));
  }

  /**
   * Tell whether the answer to the second delivery speaks for the first as well.
   *
   * The backend looks up the key behind its doors (access, rate, limits) and before the rules of
   * the school: what a door refuses may have been done by the first delivery, and so may a command
   * without a key, whatever refuses it. A question does nothing either way.
   */
  #isDecided({ type, code, symbol }: BackendError): boolean {
    if ((queryChannels as readonly string[]).includes(this.#channel)) {
      return true;
    }
    const isRule = type === 'business' && code >= 1_100 && !beforeKey.includes(symbol);
    return this.#key !== undefined && (isRule || symbol === 'INVALID_PARAMS');
  }

  #chooseKey(): string | undefined {
    if (this.#idempotency === 'natural' || this.#idempotency === 'none') {
      return undefined;
    }
    const inParams = this.#params['_meta'];
    const meta: CallMeta = {
      ...(isJsonObject(inParams) ? inParams : {}),
      ...this.#options.meta,
    };
    return meta.idempotencyKey ?? `shim-${randomBytes(16).toString('hex')}`;
  }
}

/** Rules that are looked at before the key is: of the store, and of the files that jobs are about. */
const beforeKey: readonly string[] = [
  'READ_ONLY_MODE',
  'FILE_REFUSED',
  'BACKUP_INVALID',
  'SCHEMA_TOO_NEW',
  'DISK_FULL',
];

function isCallersOwn(error: unknown): error is BackendError {
  return (
    error instanceof BackendError &&
    (error.symbol === 'CALL_TIMEOUT' || error.symbol === 'CALL_CANCELLED')
  );
}

/** The first delivery may have done what the second could not; lost unsent it has not. */
function withOutcomeOf(loss: BackendError, error: BackendError): BackendError {
  return loss.outcome === 'none'
    ? error
    : new BackendError({ ...error.toFailure(), outcome: loss.outcome });
}
