/** What was recorded of the wire, each opened in the inspector. */

import { sizeOf } from './answer.js';

/** @typedef {{name: string, startedAt: string, version: string, part: number, bytes: number, isSealed: boolean}} Recording */

export class TranscriptsView {
  #place = byId('transcripts-view');
  #list = make('ul', { class: 'rows' });
  #note = make('p', { class: 'soft', role: 'status' });
  #frame = make('div', { class: 'frame' });
  /** The address of the page that is shown, to be let go. */
  #url = '';
  #shown = '';

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.api = api;
    const title = make('h1', { id: 'transcripts-title', tabindex: '-1' }, 'Transcripts');
    this.#place.replaceChildren(
      make('header', { class: 'head' }, title),
      this.#note,
      this.#list,
      this.#frame,
    );
  }

  /** @param {string} name Which one is opened; empty for the list. */
  async show(name) {
    if (name === '') {
      this.close();
      await this.#load();
    } else if (name !== this.#shown) {
      await this.#open(name);
    }
  }

  async #load() {
    this.#list.hidden = false;
    const { data, error } = await this.api.call('transcripts.list', {});
    /** @type {Recording[]} */
    const items = data?.items ?? [];
    this.#list.replaceChildren(...items.map(rowOf));
    const none =
      'Nothing is recorded: start the backend with --record FILE to have it write a transcript.';
    this.#note.textContent = error ? `${error.code}: ${error.message}` : items.length ? '' : none;
  }

  /** @param {string} name */
  async #open(name) {
    this.close();
    this.#shown = name;
    this.#list.hidden = true;
    this.#note.textContent = `Opening ${name} …`;
    const { data, error } = await this.api.call('transcripts.inspect', { name });
    if (this.#shown !== name) return;
    this.#note.replaceChildren(make('a', { href: '#/transcripts' }, '‹ All transcripts'));
    if (error) {
      this.#note.append(` ${error.code}: ${error.message}`);
      return;
    }
    // An origin of its own and no way to ours: what was recorded cannot call anything.
    this.#url = URL.createObjectURL(new Blob([data.html], { type: 'text/html' }));
    const attributes = { sandbox: 'allow-scripts', title: `Transcript ${name}`, src: this.#url };
    const save = make('a', { href: this.#url, download: `${name}.html` }, 'Save the page');
    this.#note.append(' · ', save);
    this.#frame.replaceChildren(make('iframe', attributes));
  }

  /** Let go of the page that is shown. */
  close() {
    this.#shown = '';
    this.#frame.replaceChildren();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = '';
  }
}

/** @param {Recording} recording */
function rowOf({ name, startedAt, version, part, bytes, isSealed }) {
  const facts = [
    `begun ${startedAt.replace('T', ' ').replace('.000Z', 'Z')}`,
    `part ${part}`,
    sizeOf(bytes),
    `version ${version}`,
  ];
  if (isSealed) facts.push('sealed');
  const link = make('a', { href: `#/transcripts/${encodeURIComponent(name)}` }, name);
  return make(
    'li',
    {},
    make('strong', {}, link),
    ' ',
    make('span', { class: 'about' }, facts.join(' · ')),
  );
}
