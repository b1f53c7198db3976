/** What happens in the school, as it happens. */

import { EventStream } from './sse.js';

/** @typedef {{seq: number, id: string, type: string, at: string, actor: string, aggregate: {type: string, id: string, version: number}, data: Record<string, unknown>}} SchoolEvent */

const MOST = 500;
const STATES = {
  opening: 'opening …',
  live: 'live',
  broken: 'broken off',
  refused: 'not permitted to you',
  closed: 'closed',
};

export class EventsView {
  #place = byId('events-view');
  /** The newest first. @type {SchoolEvent[]} */
  #events = [];
  #unseen = 0;
  #isPaused = false;
  #state = make('span', { class: 'state', 'data-state': 'closed' }, STATES.closed);
  #words = /** @type {HTMLInputElement} */ (
    make('input', {
      type: 'search',
      id: 'event-words',
      placeholder: 'type, id, any text',
      autocomplete: 'off',
      spellcheck: 'false',
    })
  );
  #pause = make('button', { type: 'button', 'aria-pressed': 'false' }, 'Pause');
  #count = make('p', { class: 'soft small', role: 'status' });
  #rows = make('ol', { class: 'rows events' });

  /** @param {import('./api.js').Api} api @param {import('./known.js').KnownIds} known */
  constructor(api, known) {
    this.known = known;
    this.stream = new EventStream(
      api,
      (message) => this.#heard(message),
      (state, waitMs) => this.#told(state, waitMs),
    );
    const clear = make('button', { type: 'button' }, 'Clear');
    clear.addEventListener('click', () => this.#clear());
    this.#pause.addEventListener('click', () => this.#turn());
    this.#words.addEventListener('input', () => this.#draw());
    const search = make(
      'label',
      { class: 'search' },
      make('span', {}, 'Filter ', make('kbd', {}, '/')),
      this.#words,
    );
    this.#place.replaceChildren(
      make(
        'header',
        { class: 'head' },
        make('h1', { id: 'events-title', tabindex: '-1' }, 'Events'),
        this.#state,
      ),
      make('div', { class: 'tools' }, search, this.#pause, clear),
      this.#count,
      this.#rows,
    );
    this.#badge();
    this.#draw();
  }

  /** Those that came so far have been seen. */
  show() {
    this.#unseen = 0;
    this.#badge();
    this.#draw();
  }

  focusSearch() {
    this.#words.focus();
  }

  /** @param {import('./sse.js').Message} message */
  #heard({ data }) {
    /** @type {SchoolEvent} */
    const event = JSON.parse(data);
    // Events come at least once.
    if (typeof event.seq !== 'number' || this.#events.some(({ seq }) => seq === event.seq)) return;
    this.#events.unshift(event);
    this.#events.length = Math.min(this.#events.length, MOST);
    this.known.learn(event);
    if (this.#place.hidden) this.#unseen += 1;
    else if (this.#isPaused) this.#tell();
    else this.#add(event);
    this.#badge();
  }

  /** @type {(state: keyof typeof STATES, waitMs?: number) => void} */
  #told(state, waitMs) {
    this.#state.dataset['state'] = state;
    const again = waitMs === undefined ? '' : `, again in ${Format.span(waitMs)}`;
    this.#state.textContent = STATES[state] + again;
  }

  #turn() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    if (!this.#isPaused) this.#draw();
  }

  #clear() {
    this.#events = [];
    this.#draw();
  }

  #badge() {
    const badge = byId('events-new');
    badge.hidden = this.#unseen === 0;
    badge.textContent = this.#unseen > 99 ? '99+' : String(this.#unseen);
  }

  /** @param {SchoolEvent} event */
  #fits(event) {
    const words = this.#words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = JSON.stringify(event).toLowerCase();
    return words.every((word) => text.includes(word));
  }

  #draw() {
    const shown = this.#events.filter((event) => this.#fits(event));
    this.#rows.replaceChildren(...shown.map(rowOf));
    this.#tell();
  }

  /** @param {SchoolEvent} event */
  #add(event) {
    if (this.#fits(event)) this.#rows.prepend(rowOf(event));
    while (this.#rows.children.length > MOST) this.#rows.lastElementChild?.remove();
    this.#tell();
  }

  #tell() {
    const shown = this.#rows.children.length;
    this.#count.textContent =
      this.#events.length === 0
        ? 'Nothing has happened since you signed in. Events come as soon as somebody changes something.'
        : `${shown} of ${this.#events.length} events, the newest first`;
  }
}

/** @param {SchoolEvent} event */
function rowOf(event) {
  const at = new Date(event.at);
  const time = make(
    'time',
    { datetime: event.at, title: event.at },
    at.toLocaleTimeString('en-GB'),
  );
  const about = `${event.aggregate.type} ${event.aggregate.id} v${event.aggregate.version}`;
  const line = make(
    'summary',
    {},
    time,
    make('span', { class: 'seq' }, `#${event.seq}`),
    make('strong', {}, event.type),
    make('span', { class: 'about' }, about),
  );
  const details = make('details', {}, line);
  // Its lines are made when somebody wants to see them.
  details.addEventListener('toggle', () => details.append(Messages.one(event)), { once: true });
  return make('li', {}, details);
}
