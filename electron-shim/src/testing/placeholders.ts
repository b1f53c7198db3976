/** What was taken out of a transcript, and what it is this time. */

import { isJsonObject } from '../shared/json';

const placeholder = /^<(?:secret|personal|digest):\d+>$/;

/** The values that placeholders stand for, as far as calls have told. */
export class Placeholders {
  readonly #known = new Map<string, unknown>();

  /**
   * Tell whether *actual* can be what was *recorded*; then remember what the placeholders are.
   *
   * One that is not known yet can be anything, from then on it is that.
   */
  match(recorded: unknown, actual: unknown): boolean {
    const learnt = new Map<string, unknown>();
    if (!this.#fits(recorded, actual, learnt)) {
      return false;
    }
    for (const [name, value] of learnt) {
      this.#known.set(name, value);
    }
    return true;
  }

  /** Put what is known in the place of its placeholders. */
  fill(recorded: unknown): unknown {
    if (typeof recorded === 'string') {
      return this.#known.has(recorded) ? this.#known.get(recorded) : recorded;
    }
    if (Array.isArray(recorded)) {
      return recorded.map((item) => this.fill(item));
    }
    return isJsonObject(recorded)
      ? Object.fromEntries(Object.entries(recorded).map(([name, one]) => [name, this.fill(one)]))
      : recorded;
  }

  #fits(recorded: unknown, actual: unknown, learnt: Map<string, unknown>): boolean {
    if (typeof recorded === 'string' && placeholder.test(recorded)) {
      return this.#isOrBecomes(recorded, actual, learnt);
    }
    if (Array.isArray(recorded)) {
      return (
        Array.isArray(actual) &&
        actual.length === recorded.length &&
        recorded.every((item, index) => this.#fits(item, actual[index], learnt))
      );
    }
    if (isJsonObject(recorded)) {
      return isJsonObject(actual) && this.#membersFit(recorded, actual, learnt);
    }
    return recorded === actual;
  }

  #membersFit(
    recorded: Readonly<Record<string, unknown>>,
    actual: Readonly<Record<string, unknown>>,
    learnt: Map<string, unknown>,
  ): boolean {
    // JSON has no `undefined`: such a member was never sent.
    const sent = Object.keys(actual).filter((name) => actual[name] !== undefined);
    const names = Object.keys(recorded);
    return (
      sent.length === names.length &&
      names.every((name) => sent.includes(name) && this.#fits(recorded[name], actual[name], learnt))
    );
  }

  #isOrBecomes(name: string, actual: unknown, learnt: Map<string, unknown>): boolean {
    const known = this.#known.get(name) ?? learnt.get(name);
    if (known !== undefined) {
      return known === actual;
    }
    learnt.set(name, actual);
    return actual !== undefined;
  }
}
