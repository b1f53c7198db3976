/** Remembers what went wrong in this window; knows no DOM. */

import { BackendError, type Failure } from '../../../src/renderer';
import { adviceFor } from './advice';

export interface Problem {
  readonly atMs: number;
  /** What was being done: a channel, or the life of the backend. */
  readonly doing: string;
  readonly failure: Failure;
  readonly advice: string;
  /** How often it came in a row. */
  readonly times: number;
}

// More than anybody reads; the backend's own log has the rest.
const mostKept = 100;

/** The newest problem comes first. */
export class Journal {
  readonly #changed: () => void;
  #problems: readonly Problem[] = [];
  #unseen = 0;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** How many that are no plain refusals came since somebody looked. */
  get unseen(): number {
    return this.#unseen;
  }

  /** Note that *doing* failed; the same again at once only counts. */
  note(doing: string, error: unknown, atMs: number): void {
    const failure = error instanceof BackendError ? error.toFailure() : strange(error);
    const [last, ...rest] = this.#problems;
    const isSame =
      last !== undefined && last.doing === doing && last.failure.symbol === failure.symbol;
    const times = isSame ? last.times + 1 : 1;
    const problem = { atMs, doing, failure, advice: adviceFor(failure), times };
    this.#problems = [problem, ...(isSame ? rest : this.#problems)].slice(0, mostKept);
    if (!isRefusal(failure)) {
      this.#unseen += 1;
    }
    this.#changed();
  }

  /** Somebody has looked. */
  see(): void {
    this.#unseen = 0;
    this.#changed();
  }
}

/** Tell whether everything works and only the wish could not be granted. */
export function isRefusal({ type }: Failure): boolean {
  return type === 'business';
}

/** Write a problem as text to be sent to somebody; it holds no names, only what the error says. */
export function writeProblem({ atMs, doing, failure, advice, times }: Problem): string {
  return [
    `${new Date(atMs).toISOString()} ${failure.symbol} (${failure.code})${times > 1 ? ` ×${times}` : ''}`,
    `doing: ${doing}`,
    `message: ${failure.message}`,
    `outcome: ${failure.outcome}`,
    `correlation id: ${failure.correlationId ?? 'none'}`,
    `advice: ${advice}`,
  ].join('\n');
}

/** A mistake of the page itself. */
function strange(error: unknown): Failure {
  return {
    code: 0,
    symbol: 'WINDOW_FAULT',
    type: 'system',
    message: error instanceof Error ? error.message : 'Something went wrong in this window.',
    retryable: false,
    outcome: 'unknown',
  };
}
