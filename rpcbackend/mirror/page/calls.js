/** The calls that were made here: sent, remembered for a while, shown again. */

import { HIDDEN, withoutSecrets } from './fields.js';
import { KnownIds } from './known.js';

/**
 * @typedef {import('./api.js').Api} Api
 * @typedef {import('./api.js').How} How
 * @typedef {import('./api.js').Reply} Reply
 * @typedef {import('./contract.js').Channel} Channel
 * @typedef {import('./contract.js').Contract} Contract
 */

/**
 * @typedef {object} Made
 * @property {Channel} channel
 * @property {Date} at
 * @property {Record<string, unknown>} params Without secrets.
 * @property {boolean} isDry
 * @property {Reply} reply
 */

const MOST = 200;

export class Calls {
  /** The newest first; in memory alone. @type {Made[]} */
  made = [];
  known = new KnownIds();
  /** @type {{name: string, params: Record<string, unknown>} | null} */
  #draft = null;

  /**
   * @param {Api} api
   * @param {Contract} contract
   * @param {() => void} changed
   * @param {AbortSignal} signal What comes after it is nobody's any more.
   */
  constructor(api, contract, changed, signal) {
    this.api = api;
    this.contract = contract;
    this.changed = changed;
    this.signal = signal;
  }

  /** @type {(channel: Channel, params: Record<string, unknown>, how: How) => Promise<Reply>} */
  async send(channel, params, how) {
    const at = new Date();
    const reply = await this.api.call(channel.name, params, how);
    if (this.signal.aborted) return reply;
    this.known.learn(reply.data);
    const hide = (/** @type {unknown} */ value, /** @type {any} */ schema) =>
      withoutSecrets(value, schema, (each) => this.contract.resolve(each));
    const kept = { ...reply, data: reply.data && hide(reply.data, channel.result) };
    const shown = /** @type {Record<string, unknown>} */ (hide(params, channel.params));
    this.made.unshift({ channel, at, params: shown, isDry: how.dryRun === true, reply: kept });
    this.made.length = Math.min(this.made.length, MOST);
    this.changed();
    return reply;
  }

  /** Have the form of that channel begin with these params. @param {Made} made */
  draft({ channel, params }) {
    const told = Object.entries(params).filter(([, value]) => value !== HIDDEN);
    this.#draft = { name: channel.name, params: Object.fromEntries(told) };
  }

  /** @param {string} name */
  takeDraft(name) {
    const draft = this.#draft?.name === name ? this.#draft.params : null;
    this.#draft = null;
    return draft;
  }
}
