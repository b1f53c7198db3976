/** The params of one channel: a form made of its schema, and the same as JSON. */

import { members } from './composites.js';
import { showFault } from './controls.js';

/**
 * @typedef {import('./composites.js').Surroundings} Surroundings
 * @typedef {import('./contract.js').Schema} Schema
 */

/** Both ways to say the same; a change of the way takes along what was typed. */
export class ParamsForm {
  #fields;
  #text = /** @type {HTMLTextAreaElement} */ (
    make('textarea', {
      class: 'code',
      rows: '12',
      spellcheck: 'false',
      'aria-label': 'Params as JSON',
    })
  );
  #fault = make('p', { class: 'fault', role: 'alert', hidden: '' });
  #asForm = make('button', { type: 'button', 'aria-pressed': 'true' }, 'Form');
  #asText = make('button', { type: 'button', 'aria-pressed': 'false' }, 'JSON');
  #isText = false;

  /** @type {HTMLElement} */
  element;

  /** @param {Schema} schema @param {Surroundings} around */
  constructor(schema, around) {
    this.#fields = members(schema, around);
    const isEmpty = Object.keys(schema['properties'] ?? {}).length === 0;
    this.#text.hidden = true;
    this.#asForm.addEventListener('click', () => this.#turn(false));
    this.#asText.addEventListener('click', () => this.#turn(true));
    const head = make(
      'div',
      { class: 'form-head' },
      make('h2', {}, 'Params'),
      make(
        'fieldset',
        { class: 'switches', 'aria-label': 'Params as' },
        this.#asForm,
        this.#asText,
      ),
    );
    const none = make('p', { class: 'soft' }, isEmpty ? 'It takes none.' : '');
    none.hidden = !isEmpty;
    this.element = make(
      'div',
      { class: 'params' },
      head,
      none,
      this.#fields.element,
      this.#text,
      this.#fault,
    );
  }

  /** What is to be sent, or undefined when it cannot be read; that is then said. */
  read() {
    this.clear();
    if (!this.#isText && this.#isHalf()) return undefined;
    if (!this.#isText) return /** @type {Record<string, unknown>} */ (this.#fields.read());
    try {
      const value = JSON.parse(this.#text.value || '{}');
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
      showFault(this.#fault, 'Params are an object: { … }.');
    } catch (error) {
      showFault(this.#fault, `This is no JSON: ${error instanceof Error ? error.message : error}`);
    }
    return undefined;
  }

  /** Tell whether a field holds half a date or number: what reads as nothing is not left out. */
  #isHalf() {
    const half = [...this.#fields.element.querySelectorAll('input')].find(
      (input) => input.validity.badInput,
    );
    if (!half) return false;
    half.setAttribute('aria-invalid', 'true');
    half.focus();
    const fault = half.closest('.field')?.querySelector('.fault');
    if (fault instanceof HTMLElement) showFault(fault, 'Finish it, or empty it.');
    return true;
  }

  /** @param {Record<string, unknown>} params */
  write(params) {
    this.#fields.write(params);
    this.#text.value = JSON.stringify(params, null, 2);
  }

  /** Show at each field what the backend says of it, and the rest below. @param {unknown} errors */
  mark(errors) {
    const rest = [];
    for (const { path = '', message = '', rule = '' } of Array.isArray(errors) ? errors : []) {
      const said = String(message || rule);
      const isShown = !this.#isText && this.#fields.mark(String(path).split('.'), said);
      if (!isShown) rest.push(path ? `${path}: ${said}` : said);
    }
    showFault(this.#fault, rest.join('\n'));
    const first = this.element.querySelector('[aria-invalid=true]');
    if (first instanceof HTMLElement) first.focus();
  }

  clear() {
    this.#fields.clear();
    showFault(this.#fault, '');
  }

  /** @param {boolean} isText */
  #turn(isText) {
    if (isText === this.#isText) return;
    const value = this.read();
    if (value === undefined) return;
    this.write(value);
    this.#isText = isText;
    this.#text.hidden = !isText;
    this.#fields.element.hidden = isText;
    this.#asForm.setAttribute('aria-pressed', String(!isText));
    this.#asText.setAttribute('aria-pressed', String(isText));
  }
}
