/** One channel: what it does, what it takes, and a call of it. */

import { showReply } from './answer.js';
import { GENERAL } from './contract.js';
import { ParamsForm } from './form.js';
import { commandOptions, optionsOf, renewKey } from './options.js';

/**
 * @typedef {import('./api.js').Reply} Reply
 * @typedef {import('./contract.js').Channel} Channel
 * @typedef {import('./contract.js').Contract} Contract
 * @typedef {import('./calls.js').Calls} Calls
 */

export class ChannelView {
  #place = byId('channel');
  /** @type {AbortController | null} */
  #running = null;
  /** @type {Channel | null} */
  #channel = null;
  /** @type {ParamsForm | null} */
  #form = null;

  /** @param {Contract} contract @param {Calls} calls @param {(permission: string) => boolean} holds */
  constructor(contract, calls, holds) {
    this.contract = contract;
    this.calls = calls;
    this.holds = holds;
  }

  /** Show a channel, perhaps with params of a call that was made. @param {string} name */
  show(name) {
    const channel = this.contract.channels.get(name);
    const params = channel && this.calls.takeDraft(channel.name);
    if (channel && channel === this.#channel && !params) return;
    // A call that is under way goes on; what it came to stands in the history.
    this.#running = null;
    this.#channel = channel ?? null;
    this.#place.replaceChildren(...(channel ? this.#parts(channel) : [nothing(name)]));
    this.#place.scrollTop = 0;
    if (params) this.#form?.write(params);
  }

  /** Send what stands in the form, as Ctrl+Enter does. */
  send() {
    byId('call').dispatchEvent(new Event('submit', { cancelable: true }));
  }

  /** @param {Channel} channel */
  #parts(channel) {
    const around = {
      resolve: (/** @type {any} */ schema) => this.contract.resolve(schema),
      suggest: (/** @type {string} */ prefix) => this.calls.known.suggest(prefix),
    };
    this.#form = new ParamsForm(channel.params, around);
    const call = channel.isServed
      ? [this.#callForm(channel, this.#form), make('div', { id: 'answer' })]
      : [make('p', { class: 'soft' }, 'It belongs to the desk, and cannot be called from here.')];
    return [this.#about(channel), ...call, this.#contractOf(channel)];
  }

  /** @param {Channel} channel */
  #about(channel) {
    const back = make('a', { class: 'back', href: '#/channels' }, '‹ All channels');
    const title = make('h1', { id: 'channel-name', tabindex: '-1' }, channel.name);
    const isHeld = this.holds(channel.permission);
    const permission = make('span', { class: isHeld ? 'tag' : 'tag lacking' }, channel.permission);
    permission.title = isHeld ? 'You hold this permission.' : 'You do not hold this permission.';
    if (!isHeld) permission.append(make('span', { class: 'said' }, ', which you do not hold'));
    const tags = make(
      'p',
      { class: 'tags' },
      make('span', { class: `tag ${channel.kind}` }, channel.kind),
      permission,
    );
    if (channel.cost !== 'light') tags.append(make('span', { class: 'tag' }, channel.cost));
    if (channel.isStepUp) tags.append(make('span', { class: 'tag' }, 'wants a fresh password'));
    if (!channel.isServed) tags.append(make('span', { class: 'tag lacking' }, 'not over HTTP'));
    const more = channel.description
      ? [make('p', { class: 'description' }, channel.description)]
      : [];
    return make(
      'header',
      { class: 'about' },
      back,
      title,
      tags,
      make('p', {}, channel.summary),
      ...more,
    );
  }

  /** @type {(channel: Channel, form: ParamsForm) => HTMLElement} */
  #callForm(channel, form) {
    const send = make('button', { type: 'submit', class: 'primary', id: 'send' }, 'Send');
    const stop = make('button', { type: 'button', id: 'give-up', hidden: '' }, 'Give up');
    stop.addEventListener('click', () => this.#running?.abort());
    const options = channel.kind === 'query' ? [] : commandOptions(channel);
    const element = make(
      'form',
      { id: 'call', class: 'card', novalidate: '' },
      form.element,
      ...options,
    );
    const keys = make(
      'span',
      { class: 'soft small keys' },
      make('kbd', {}, 'Ctrl'),
      ' ',
      make('kbd', {}, 'Enter'),
    );
    const verdict = make('span', { id: 'verdict', class: 'soft' });
    element.append(make('div', { class: 'actions' }, send, stop, keys, verdict));
    element.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#running === null) void this.#send(channel, form);
    });
    return element;
  }

  /** @type {(channel: Channel, form: ParamsForm) => Promise<void>} */
  async #send(channel, form) {
    const params = form.read();
    if (params === undefined) return;
    const running = new AbortController();
    this.#setRunning(running);
    const how = { ...optionsOf(channel), signal: running.signal };
    const reply = await this.calls.send(channel, params, how);
    byId('said').textContent = `${channel.name}: ${verdictOf(reply)}`;
    if (this.#running !== running) return;
    this.#setRunning(null);
    const answer = showReply(reply, channel);
    byId('answer').replaceChildren(answer);
    byId('verdict').textContent = verdictOf(reply);
    const errors = reply.error?.details?.['errors'];
    if (errors) form.mark(errors);
    else answer.scrollIntoView({ block: 'nearest', behavior: 'auto' });
    if (!reply.error && channel.kind !== 'query') renewKey();
  }

  /** @param {AbortController | null} running */
  #setRunning(running) {
    this.#running = running;
    const send = /** @type {HTMLButtonElement} */ (byId('send'));
    send.setAttribute('aria-disabled', String(running !== null));
    send.textContent = running ? 'Sending …' : 'Send';
    byId('give-up').hidden = running === null;
  }

  /** What the contract says beside the params. @param {Channel} channel */
  #contractOf(channel) {
    const own = channel.errors.filter(({ symbol }) => !GENERAL.has(symbol));
    const general = channel.errors.filter(({ symbol }) => GENERAL.has(symbol));
    const events = channel.events.map((type) => make('li', {}, make('code', {}, type)));
    const result = make(
      'details',
      {},
      make('summary', {}, 'Result'),
      Messages.one(this.contract.resolve(channel.result)),
    );
    const params = make(
      'details',
      {},
      make('summary', {}, 'Params as a schema'),
      Messages.one(channel.params),
    );
    return make(
      'section',
      { class: 'contract', 'aria-label': 'Contract' },
      ...(events.length
        ? [make('h2', {}, 'Events'), make('ul', { class: 'inline' }, ...events)]
        : []),
      ...(own.length ? [make('h2', {}, 'Errors'), errorList(own)] : []),
      make(
        'details',
        {},
        make('summary', {}, `Errors of every channel (${general.length})`),
        errorList(general),
      ),
      params,
      result,
    );
  }
}

/** @param {Reply} reply */
const verdictOf = ({ error, ms }) => `${error?.code ?? 'ok'} in ${Format.ms(ms)} ms`;

/** @param {import('./contract.js').KnownError[]} errors */
const errorList = (errors) =>
  make(
    'dl',
    { class: 'errors' },
    ...errors.flatMap(({ symbol, message, code }) => [
      make('dt', {}, make('code', {}, symbol), make('span', { class: 'soft small' }, ` ${code}`)),
      make('dd', {}, message),
    ]),
  );

/** @param {string} name */
const nothing = (name) =>
  make(
    'p',
    { class: 'empty' },
    name ? `There is no channel ${name}.` : 'Choose a channel to read about it and to call it.',
  );
