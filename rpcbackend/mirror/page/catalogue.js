/** The list of channels: by area, searched and filtered. */

/**
 * @typedef {import('./contract.js').Channel} Channel
 * @typedef {import('./contract.js').Contract} Contract
 */

export class Catalogue {
  #place = byId('areas');
  #search = /** @type {HTMLInputElement} */ (byId('search'));
  #kinds = new Set();
  #chosen = '';

  /**
   * @param {Contract} contract
   * @param {(permission: string) => boolean} holds
   * @param {AbortSignal} signal Ends it: what it hears stays on the page when its user goes.
   */
  constructor(contract, holds, signal) {
    this.contract = contract;
    this.holds = holds;
    this.#search.value = '';
    this.#search.addEventListener('input', () => this.draw(), { signal });
    for (const button of document.querySelectorAll('#channels-view [data-kind]')) {
      const toggle = () => this.#toggle(/** @type {HTMLElement} */ (button));
      button.setAttribute('aria-pressed', 'false');
      button.addEventListener('click', toggle, { signal });
    }
    byId('channels-view').addEventListener('keydown', (event) => this.#move(event), { signal });
    this.draw();
  }

  /** @param {string} name */
  choose(name) {
    this.#chosen = name;
    for (const link of this.#links()) {
      if (link.dataset['name'] === name) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    const chosen = this.#place.querySelector('[aria-current]');
    chosen?.scrollIntoView({ block: 'nearest' });
  }

  draw() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    const sections = this.contract.areas().flatMap(([area, channels]) => {
      const shown = channels.filter((channel) => this.#fits(channel, words));
      count += shown.length;
      return shown.length ? [this.#section(area, shown)] : [];
    });
    this.#place.replaceChildren(...sections);
    byId('found').textContent = `${count} of ${this.contract.channels.size} channels`;
    this.choose(this.#chosen);
  }

  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  /** @type {(area: string, channels: Channel[]) => HTMLElement} */
  #section(area, channels) {
    const id = `area-${area}`;
    const items = channels.map((channel) => make('li', {}, this.#link(channel)));
    return make(
      'section',
      { 'aria-labelledby': id },
      make('h2', { id }, area),
      make('ul', {}, ...items),
    );
  }

  /** @param {Channel} channel */
  #link(channel) {
    const isHeld = this.holds(channel.permission);
    const href = `#/channels/${channel.name}`;
    const attributes = {
      href,
      'data-name': channel.name,
      class: isHeld ? '' : 'lacking',
      title: channel.summary,
    };
    const verb = channel.name.includes('.')
      ? channel.name.split('.').slice(1).join('.')
      : channel.name;
    const name = make('span', { class: 'name' }, verb);
    const link = make(
      'a',
      attributes,
      name,
      make('span', { class: `kind ${channel.kind}` }, channel.kind),
    );
    if (!isHeld) link.append(make('span', { class: 'said' }, ' not permitted to you'));
    return link;
  }

  /** @type {(channel: Channel, words: string[]) => boolean} */
  #fits(channel, words) {
    const wanted = [...this.#kinds].filter((kind) => kind !== 'mine');
    const isKind = wanted.length === 0 || wanted.includes(channel.kind);
    const isMine = !this.#kinds.has('mine') || this.holds(channel.permission);
    return isKind && isMine && words.every((word) => channel.words.includes(word));
  }

  /** @param {HTMLElement} button */
  #toggle(button) {
    const kind = button.dataset['kind'];
    const isOn = !this.#kinds.delete(kind);
    if (isOn) this.#kinds.add(kind);
    button.setAttribute('aria-pressed', String(isOn));
    this.draw();
  }

  /** @returns {HTMLElement[]} */
  #links() {
    return [...this.#place.querySelectorAll('a')];
  }

  /** From the search into the list, and up and down in it. @param {KeyboardEvent} event */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = this.#links();
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const isHere = at >= 0 || document.activeElement === this.#search;
    if (step === undefined || !isHere) return;
    event.preventDefault();
    if (at + step < 0) this.#search.focus();
    else links[at + step]?.focus();
  }
}
