/** The console: who is signed in, which view is shown, and the keys. */

import { Api } from './api.js';
import { Calls } from './calls.js';
import { Catalogue } from './catalogue.js';
import { ChannelView } from './channel.js';
import { openContract } from './contract.js';
import { EventsView } from './events.js';
import { HealthView } from './health.js';
import { HistoryView } from './history.js';
import { SignIn } from './signIn.js';
import { TranscriptsView } from './transcripts.js';

const VIEWS = ['channels', 'events', 'health', 'history', 'transcripts'];
const OVER = 'Your session is over. What you typed is still there.';
/** What keeps nobody from going on: an API key has no user to tell of. */
const NOT_A_USER = 403;
const STATE_MS = 10_000;

/** The views of who is signed in; another one gets his own. */
class Desk {
  #over = new AbortController();

  /** @param {Api} api @param {import('./contract.js').Contract} contract @param {any} me */
  constructor(api, contract, me) {
    const permissions = me?.permissions ?? {};
    const isKnown = me !== null;
    const holds = (/** @type {string} */ permission) =>
      !isKnown || ['public', 'signed_in'].includes(permission) || permission in permissions;
    this.name = me?.user?.login ?? 'API key';
    this.userId = me?.user?.id ?? '';
    const counted = () => showCount(this.calls.made.length);
    this.calls = new Calls(api, contract, counted, this.#over.signal);
    this.catalogue = new Catalogue(contract, holds, this.#over.signal);
    this.channel = new ChannelView(contract, this.calls, holds);
    this.events = new EventsView(api, this.calls.known);
    this.health = new HealthView(api, this.#over.signal);
    this.history = new HistoryView(this.calls);
    this.transcripts = new TranscriptsView(api);
  }

  /** Let nothing of it hear, ask or show any more. */
  close() {
    this.#over.abort();
    this.channel.show('');
    this.events.stream.stop();
    this.transcripts.close();
  }
}

/** Which view the address names, and what in it. */
function placeOf(/** @type {string} */ hash) {
  const [, wanted = '', ...rest] = hash.split('/');
  const name = rest.join('/');
  const view = VIEWS.includes(wanted) ? wanted : 'channels';
  try {
    return { view, name: decodeURIComponent(name) };
  } catch {
    // Whoever wrote that link wrote no name.
    return { view, name };
  }
}

/** @param {number} count */
function showCount(count) {
  byId('history-count').hidden = count === 0;
  byId('history-count').textContent = String(count);
}

/** Show one view, and say so in the bar. @param {string} view */
function uncover(view) {
  for (const each of VIEWS) byId(`${each}-view`).hidden = each !== view;
  for (const link of document.querySelectorAll('#nav a')) {
    const isHere = link.getAttribute('data-view') === view;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

class Console {
  #api = new Api(() => this.#lost());
  #signIn = new SignIn(this.#api, () => this.#enter());
  /** @type {Desk | null} */
  #desk = null;
  #isIn = false;
  /** The address of what is shown. */
  #shown = '';

  start() {
    window.addEventListener('hashchange', () => {
      // Two quick steps are two events of the second address: drawn twice, it would lose the focus.
      if (location.hash !== this.#shown) this.#route();
    });
    document.addEventListener('keydown', (event) => this.#press(event));
    byId('theme').addEventListener('click', changeTheme);
    byId('help').addEventListener('click', () => keys().showModal());
    byId('sign-out').addEventListener('click', () => void this.#leave());
    // Its address would be another view's.
    byId('skip').addEventListener('click', (event) => {
      event.preventDefault();
      byId('main').focus();
    });
    void this.#look();
    this.#ask('');
    document.body.setAttribute('aria-busy', 'false');
  }

  /** Open the views; returns why that cannot be. */
  async #enter() {
    const contract = await openContract(this.#api);
    if (typeof contract === 'string') return contract;
    const { data: me, error, status } = await this.#api.call('auth.me', {});
    if (error && status !== NOT_A_USER) return error.message;
    // Who comes back finds all as it was; somebody else finds nothing of it.
    const isSame = this.#desk !== null && me?.user && me.user.id === this.#desk.userId;
    if (!isSame) {
      this.#clear();
      this.#desk = new Desk(this.#api, contract, me);
    }
    this.#desk?.events.stream.start();
    this.#isIn = true;
    byId('account').textContent = this.#desk?.name ?? '';
    for (const id of ['nav', 'account', 'sign-out']) byId(id).hidden = false;
    byId('sign-in-view').hidden = true;
    this.#route();
    return '';
  }

  #lost() {
    if (this.#isIn) this.#ask(OVER);
  }

  async #leave() {
    const leaving = this.#api.signOut();
    this.#clear();
    this.#ask('You are signed out.');
    await leaving;
  }

  #clear() {
    this.#desk?.close();
    this.#desk = null;
    showCount(0);
    byId('channel').replaceChildren();
    byId('areas').replaceChildren();
    for (const list of document.querySelectorAll('datalist')) list.remove();
  }

  /** @param {string} why */
  #ask(why) {
    this.#isIn = false;
    for (const id of ['nav', 'account', 'sign-out']) byId(id).hidden = true;
    for (const view of VIEWS) byId(`${view}-view`).hidden = true;
    byId('sign-in-view').hidden = false;
    document.title = 'Console';
    keys().close();
    this.#signIn.show(why);
    this.#desk?.events.stream.stop();
  }

  #route() {
    const desk = this.#desk;
    if (!this.#isIn || desk === null) return;
    this.#shown = location.hash;
    const { view, name } = placeOf(this.#shown);
    const isOther = byId(`${view}-view`).hidden;
    uncover(view);
    this.#show(desk, view, name);
    document.title = `${name || view} · Console`;
    const title = view === 'channels' && name ? byId('channel-name') : byId(`${view}-title`);
    if (isOther || name) title?.focus({ preventScroll: true });
  }

  /** @type {(desk: Desk, view: string, name: string) => void} */
  #show(desk, view, name) {
    if (view === 'channels') {
      byId('channels-view').classList.toggle('open', name !== '');
      desk.catalogue.choose(name);
      desk.channel.show(name);
    } else if (view === 'transcripts') {
      void desk.transcripts.show(name);
    } else if (view === 'events' || view === 'health' || view === 'history') {
      desk[view].show();
    }
  }

  /** Ask how the backend is, whoever is there. */
  async #look() {
    const response = await fetch('/api/health', { credentials: 'omit' }).catch(() => null);
    const body = await response?.json().catch(() => null);
    const code = body === null ? 'NO_ANSWER' : body.error?.code;
    const wrong = code?.toLowerCase().replaceAll('_', ' ');
    byId('state').dataset['state'] = wrong ? 'broken' : body.data.status;
    byId('state').textContent = wrong ?? `${body.data.status} ${body.data.version}`;
    window.setTimeout(() => void this.#look(), STATE_MS);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!this.#isIn || keys().open || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key === 'Enter') this.#send();
      return;
    }
    const at = document.activeElement;
    const isTyping =
      at instanceof HTMLElement && at.matches('input:not([type=checkbox]), select, textarea');
    if (event.key === 'Escape') this.#escape(at, isTyping);
    else if (!isTyping && singleKeys().checked) this.#turn(event);
  }

  #send() {
    const isShown = !byId('channels-view').hidden && document.getElementById('call') !== null;
    if (isShown) this.#desk?.channel.send();
  }

  /** @type {(at: Element | null, isTyping: boolean) => void} */
  #escape(at, isTyping) {
    if (isTyping && at instanceof HTMLElement) at.blur();
    else if (location.hash.startsWith('#/channels/')) location.hash = '#/channels';
  }

  /** @param {KeyboardEvent} event */
  #turn(event) {
    const view = VIEWS[Number(event.key) - 1];
    if (view) location.hash = `#/${view}`;
    else if (event.key === '?') keys().showModal();
    else if (event.key === '/') this.#focusSearch();
    else return;
    event.preventDefault();
  }

  #focusSearch() {
    if (!byId('events-view').hidden) this.#desk?.events.focusSearch();
    else {
      if (byId('channels-view').hidden) location.hash = '#/channels';
      byId('channels-view').hidden = false;
      this.#desk?.catalogue.focusSearch();
    }
  }
}

const singleKeys = () => /** @type {HTMLInputElement} */ (byId('single-keys'));

const keys = () => /** @type {HTMLDialogElement} */ (byId('keys'));

new Console().start();
