/** How a backend is stopped: ask, close its input, SIGTERM, SIGKILL, each with its limit. */

/** The process to stop, as far as the ladder needs to know it. */
export interface Stoppable {
  readonly hasExited: boolean;
  readonly exited: Promise<unknown>;
  /** Ask politely; undefined when nobody listens yet. */
  readonly requestShutdown: (() => Promise<unknown>) | undefined;
  closeInput(): void;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface StopLimits {
  readonly requestMs: number;
  readonly eofMs: number;
  readonly termMs: number;
  /** The whole stop never takes longer: a quit must end. */
  readonly totalMs: number;
}

/** The rung that ended it; `abandoned` when even SIGKILL did not within the limit. */
export type StopHow = 'not-running' | 'request' | 'eof' | 'sigterm' | 'sigkill' | 'abandoned';

/**
 * Stop *target*, from the rung *from* on; never throws and never takes longer than `totalMs`.
 */
export async function climbDown(
  target: Stoppable,
  limits: StopLimits,
  nowMs: () => number,
  from: 'request' | 'sigkill' = 'request',
): Promise<StopHow> {
  if (target.hasExited) {
    return 'not-running';
  }
  const endsAtMs = nowMs() + limits.totalMs;
  const rungs = [
    { how: 'request', limitMs: limits.requestMs, act: () => target.requestShutdown?.() },
    { how: 'eof', limitMs: limits.eofMs, act: () => target.closeInput() },
    { how: 'sigterm', limitMs: limits.termMs, act: () => target.kill('SIGTERM') },
    { how: 'sigkill', limitMs: limits.totalMs, act: () => target.kill('SIGKILL') },
  ] as const;
  const first = rungs.findIndex(({ how }) => how === from);
  for (const { how, limitMs, act } of rungs.slice(first)) {
    if (how === 'request' && target.requestShutdown === undefined) {
      continue;
    }
    const leftMs = Math.max(0, endsAtMs - nowMs());
    if (await exitedWithin(target, Math.min(limitMs, leftMs), act())) {
      return how;
    }
  }
  return 'abandoned';
}

/** Wait for the exit; a request that is refused ends the wait at once. */
async function exitedWithin(
  target: Stoppable,
  limitMs: number,
  request: unknown,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
    if (request instanceof Promise) {
      request.catch(() => resolve());
    }
  });
  await Promise.race([target.exited, limit]);
  clearTimeout(timer);
  return target.hasExited;
}
