/** Looking things up while somebody types: one question per pause, and no answer out of turn; no DOM. */

export interface Timers {
  readonly set: (act: () => void, delayMs: number) => unknown;
  readonly clear: (timer: never) => void;
}

// Long enough that a fast typist causes one question, too short to be felt.
const typingPauseMs = 120;

/** Ask *question* for what was typed last, and give the answer to *answered* if it still is. */
export class Lookup<A> {
  readonly #question: (text: string) => Promise<A>;
  readonly #answered: (answer: A, text: string) => void;
  readonly #timers: Timers;
  #timer: unknown;
  #turn = 0;

  constructor(
    question: (text: string) => Promise<A>,
    answered: (answer: A, text: string) => void,
    timers: Timers,
  ) {
    this.#question = question;
    this.#answered = answered;
    this.#timers = timers;
  }

  /** Something was typed; it is asked for after a pause. */
  typed(text: string): void {
    this.drop();
    this.#timer = this.#timers.set(() => void this.ask(text), typingPauseMs);
  }

  /** Ask at once. A question that fails gets no answer; whoever sent it has noted why. */
  async ask(text: string): Promise<void> {
    this.drop();
    const turn = this.#turn;
    const answer = await this.#question(text.trim()).then(
      (given) => ({ given }),
      () => undefined,
    );
    if (answer !== undefined && turn === this.#turn) {
      this.#answered(answer.given, text);
    }
  }

  /** No answer is wanted any more. */
  drop(): void {
    this.#turn += 1;
    this.#timers.clear(this.#timer as never);
  }
}
