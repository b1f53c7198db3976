/** When a crashed backend may start again; knows no process and no clock. */

export interface RestartLimits {
  /** One more crash than this within the window is final. */
  readonly maxCrashes: number;
  readonly windowMs: number;
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Share of the delay that is random, so that two apps do not start in step. */
  readonly jitter: number;
  /** A backend that served this long starts with a clean slate. */
  readonly stableMs: number;
}

export type Verdict =
  | { readonly kind: 'restart'; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'give-up' };

/** Exit codes that a restart cannot cure: usage, data directory in use, and 76–79. */
const finalExitCodes: readonly number[] = [64, 69, 76, 77, 78, 79];

/** Tell whether a backend that left with *code* may be started again (protocol.md section 8). */
export function isFinalExit(code: number | null): boolean {
  return code !== null && finalExitCodes.includes(code);
}

/** Exponential backoff inside a sliding window. */
export class RestartPolicy {
  readonly #limits: RestartLimits;
  readonly #random: () => number;
  #crashes: number[] = [];

  constructor(limits: RestartLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Judge a crash at *nowMs* of a backend that had served for *uptimeMs*. */
  crashed(nowMs: number, uptimeMs: number): Verdict {
    const { maxCrashes, windowMs, baseMs, factor, maxMs, jitter, stableMs } = this.#limits;
    if (uptimeMs >= stableMs) {
      this.reset();
    }
    this.#crashes = [...this.#crashes.filter((at) => nowMs - at < windowMs), nowMs];
    const attempt = this.#crashes.length;
    if (attempt > maxCrashes) {
      return { kind: 'give-up' };
    }
    const delayMs = Math.min(maxMs, baseMs * factor ** (attempt - 1));
    return {
      kind: 'restart',
      attempt,
      delayMs: Math.round(delayMs * (1 - jitter + 2 * jitter * this.#random())),
    };
  }

  /** Forget the crashes so far. */
  reset(): void {
    this.#crashes = [];
  }
}
