/** The panel "What went wrong": errors with their advice, and what the backend wrote last. */

import type { SchoolClient } from '../../../src/renderer';
import { openDialog } from '../base/dialogs';
import { copy, fill, find, make, makeButton, onClick, say } from '../base/dom';
import { isRefusal, type Journal, type Problem, writeProblem } from './journal';

/** The panel; *client* is the bare one, so that looking makes no new entry. */
export class ProblemPanel {
  readonly #client: SchoolClient;
  readonly #journal: Journal;
  readonly #dialog = find('problems', HTMLDialogElement);
  readonly #list = find('problem-list', HTMLDivElement);

  constructor(client: SchoolClient, journal: Journal) {
    this.#client = client;
    this.#journal = journal;
    onClick('close-problems', () => this.#dialog.close());
    onClick('copy-report', () => this.#copy(this.#report(), 'Report copied.'));
  }

  /** Show it. */
  open(): void {
    this.#journal.see();
    this.redraw();
    openDialog(this.#dialog);
    void this.#readLog();
  }

  /** Follow the journal while the panel is open. */
  redraw(): void {
    const { problems } = this.#journal;
    const items = problems.map((problem) => this.#draw(problem));
    fill(this.#list, ...(items.length > 0 ? items : [drawNothing()]));
  }

  async #readLog(): Promise<void> {
    const answer = await this.#client.sendCustom('app.diagnostics', {}).catch(() => undefined);
    for (const name of ['log', 'report']) {
      const text = typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : '';
      find(`backend-${name}`, HTMLPreElement).textContent = String(text ?? '');
      find(`backend-${name}-section`, HTMLElement).hidden = !text;
    }
  }

  #draw(problem: Problem): HTMLElement {
    const { atMs, doing, failure, advice, times } = problem;
    const again = times > 1 ? ` · ${times} times` : '';
    const copyIt = makeButton(
      'Copy',
      () => this.#copy(writeProblem(problem), `${failure.symbol} copied.`),
      { 'aria-label': `Copy ${failure.symbol}` },
    );
    return make(
      'article',
      { class: isRefusal(failure) ? 'problem refusal' : 'problem' },
      make(
        'header',
        {},
        make('code', {}, failure.symbol),
        make('time', { datetime: new Date(atMs).toISOString() }, timeText(atMs)),
        copyIt,
      ),
      make('p', { class: 'problem-message' }, failure.message),
      make('p', {}, advice),
      make('p', { class: 'problem-facts' }, `${doing}${again}`, ...idOf(problem)),
    );
  }

  #report(): string {
    const problems = this.#journal.problems.map(writeProblem).join('\n\n');
    const texts = ['log', 'report'].map(
      (name) => find(`backend-${name}`, HTMLPreElement).textContent,
    );
    return [problems || 'Nothing went wrong in this window.', ...texts].join('\n\n');
  }

  #copy(text: string, done: string): void {
    copy(text);
    find('copied', HTMLParagraphElement).textContent = done;
    say(done);
  }
}

function idOf({ failure }: Problem): readonly (Node | string)[] {
  return failure.correlationId === undefined
    ? []
    : [' · correlation id ', make('code', {}, failure.correlationId)];
}

function timeText(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

function drawNothing(): HTMLElement {
  return make('p', { class: 'nothing' }, 'Nothing went wrong in this window so far.');
}
