/** The calls that were made here, the newest first. */

import { showReply } from './answer.js';

/** @typedef {import('./calls.js').Made} Made */

export class HistoryView {
  #place = byId('history-view');

  /** @param {import('./calls.js').Calls} calls */
  constructor(calls) {
    this.calls = calls;
  }

  show() {
    const { made } = this.calls;
    const title = make('h1', { id: 'history-title', tabindex: '-1' }, 'History');
    const note =
      'Kept in this tab alone, without secrets, until it is closed or somebody signs out.';
    const text = made.length === 0 ? 'No call was made here yet.' : note;
    this.#place.replaceChildren(
      make('header', { class: 'head' }, title),
      make('p', { class: 'soft' }, text),
      make('ol', { class: 'rows history' }, ...made.map((one) => this.#row(one))),
    );
  }

  /** @param {Made} made */
  #row(made) {
    const { channel, at, reply, isDry } = made;
    const verdict = make(
      'span',
      { class: reply.error ? 'wrong' : 'fine' },
      reply.error?.code ?? 'ok',
    );
    const line = make(
      'summary',
      {},
      make('time', { datetime: at.toISOString() }, at.toLocaleTimeString('en-GB')),
      make('strong', {}, channel.name, ...(isDry ? [make('span', { class: 'soft' }, ' dry')] : [])),
      verdict,
      make('span', { class: 'about' }, `${Format.ms(reply.ms)} ms`),
    );
    const details = make('details', {}, line);
    details.addEventListener('toggle', () => details.append(this.#whole(made)), { once: true });
    return make('li', {}, details);
  }

  /** @param {Made} made */
  #whole(made) {
    const again = make(
      'a',
      { class: 'button', href: `#/channels/${made.channel.name}` },
      'Fill the form with it',
    );
    again.addEventListener('click', () => this.calls.draft(made));
    return make(
      'div',
      {},
      again,
      make('h2', {}, 'Params'),
      Messages.one(made.params),
      showReply(made.reply, made.channel),
    );
  }
}
