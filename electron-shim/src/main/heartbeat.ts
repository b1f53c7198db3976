/** Whether the backend still answers: asked at intervals, told once it has not for a while. */

export interface HeartbeatLimits {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** This many pings in a row without an answer, and the backend is degraded. */
  readonly misses: number;
  /** What then: tell it, or end the backend, so that it is started anew. */
  readonly onDead: 'report' | 'restart';
}

/** What the heartbeat asks and tells. */
export interface Patient {
  /** Ask once; tell whether an answer came within the limit. */
  ping(timeoutMs: number): Promise<boolean>;
  /** The backend has not answered *misses* times in a row, which is the limit or more. */
  fellSilent(misses: number): void;
  answered(): void;
}

/** Time, as far as it is needed here. */
export interface Clock {
  nowMs(): number;
  /** Call *then* after *ms*, unless the returned function is called before. */
  after(ms: number, then: () => void): () => void;
}

// A timer of a busy machine is late by less, a sleep takes longer.
const lateMs = 5_000;

const wallClock: Clock = {
  nowMs: Date.now,
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Ask one backend whether it lives, until `stop`.
 *
 * A machine that sleeps answers nobody (electron.md failure mode 28): between `pause` and `resume`
 * nothing is asked, and a wait over which the clock jumped does not count.
 */
export class Heartbeat {
  readonly #limits: HeartbeatLimits;
  readonly #patient: Patient;
  readonly #clock: Clock;
  #misses = 0;
  /** Answers to pings of an earlier round are ignored. */
  #round = 0;
  #cancel = (): void => undefined;

  constructor(limits: HeartbeatLimits, patient: Patient, clock: Clock = wallClock) {
    this.#limits = limits;
    this.#patient = patient;
    this.#clock = clock;
    this.#wait();
  }

  /** Ask nothing any more. */
  stop(): void {
    this.#round += 1;
    this.#cancel();
  }

  /** The machine goes to sleep. */
  pause(): void {
    this.stop();
  }

  /** The machine is awake: ask at once. */
  resume(): void {
    this.stop();
    this.#misses = 0;
    void this.#beat();
  }

  #wait(): void {
    const { intervalMs } = this.#limits;
    this.#cancel = this.#clock.after(intervalMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { timeoutMs } = this.#limits;
    const round = this.#round;
    const askedAtMs = this.#clock.nowMs();
    const isAnswered = await this.#patient.ping(timeoutMs);
    if (round !== this.#round) {
      return;
    }
    const tookMs = this.#clock.nowMs() - askedAtMs;
    // Set back, or ahead by more than the wait: nobody can say what of it the backend had.
    const hasJumped = tookMs < 0 || tookMs > timeoutMs + lateMs;
    if (isAnswered) {
      this.#misses = 0;
      this.#patient.answered();
    } else if (!hasJumped) {
      this.#misses += 1;
      this.#tell();
    }
    // Whoever was told may have stopped it.
    if (round === this.#round) {
      this.#wait();
    }
  }

  #tell(): void {
    if (this.#misses >= this.#limits.misses) {
      this.#patient.fellSilent(this.#misses);
    }
  }
}
