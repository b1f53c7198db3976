/** Fields for single values: a text, a number, a date, one of several, yes or no. */

import { labelOf, prefixOf } from './fields.js';

/** @typedef {import('./fields.js').Field} Field */

/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {() => unknown} read What it holds; undefined when it is left out.
 * @property {(value: unknown) => void} write
 * @property {(path: string[], message: string) => boolean} mark Show what is wrong there.
 * @property {() => void} clear Take such marks away.
 */

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */

let last = 0;

function newId() {
  last += 1;
  return `field-${last}`;
}

/** @type {(field: Field, suggest: (prefix: string) => string) => {input: Input, read: () => unknown, write: (value: unknown) => void}} */
function inputFor(field, suggest) {
  switch (field.kind) {
    case 'choice':
      return choice(field);
    case 'flag':
      return flag(field);
    case 'number':
      return number(field);
    case 'instant':
      return instant();
    case 'json':
      return json();
    case 'constant':
      return constant(field);
    default:
      return text(field, suggest);
  }
}

/** @type {(tag: string, attributes?: Record<string, string>, ...children: Node[]) => any} */
const input = (tag, attributes = {}, ...children) =>
  make(tag, { id: newId(), autocomplete: 'off', ...attributes }, ...children);

/** @type {(field: Field, suggest: (prefix: string) => string) => any} */
function text({ kind, schema }, suggest) {
  const prefix = prefixOf(schema);
  const types = { date: 'date', secret: 'password' };
  const type = types[/** @type {keyof typeof types} */ (kind)] ?? 'text';
  const attributes = prefix ? { placeholder: `${prefix}_…`, list: suggest(prefix) } : {};
  /** @type {HTMLInputElement | HTMLTextAreaElement} */
  const element =
    kind === 'long'
      ? input('textarea', { rows: '3' })
      : input('input', { type, spellcheck: 'false', ...attributes });
  if (kind === 'secret') element.setAttribute('autocomplete', 'new-password');
  return {
    input: element,
    read: () => (element.value === '' ? undefined : element.value),
    write: (/** @type {unknown} */ value) => {
      element.value = typeof value === 'string' ? value : '';
    },
  };
}

/** @param {Field} field */
function number({ schema }) {
  const { minimum, maximum, type } = schema;
  const attributes = {
    type: 'number',
    step: type === 'integer' ? '1' : 'any',
    ...(minimum === undefined ? {} : { min: String(minimum) }),
    ...(maximum === undefined ? {} : { max: String(maximum) }),
  };
  /** @type {HTMLInputElement} */
  const element = input('input', attributes);
  return {
    input: element,
    read: () => (element.value === '' ? undefined : element.valueAsNumber),
    write: (/** @type {unknown} */ value) => {
      element.value = typeof value === 'number' ? String(value) : '';
    },
  };
}

/** A time of this machine's zone, sent in UTC. */
function instant() {
  /** @type {HTMLInputElement} */
  const element = input('input', { type: 'datetime-local', step: '1' });
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const local = (/** @type {Date} */ at) =>
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}` +
    `T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return {
    input: element,
    read: () => {
      const at = new Date(element.value);
      return Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace('.000Z', 'Z');
    },
    write: (/** @type {unknown} */ value) => {
      const at = new Date(String(value));
      element.value = Number.isNaN(at.getTime()) ? '' : local(at);
    },
  };
}

/** @param {Field} field */
function choice({ schema, isRequired, fallback }) {
  /** @type {unknown[]} */
  const values = schema['enum'];
  const none = isRequired && fallback === undefined ? 'choose …' : 'left out';
  const options = values.map((value, at) => make('option', { value: String(at) }, String(value)));
  /** @type {HTMLSelectElement} */
  const element = input('select', {}, make('option', { value: '' }, none), ...options);
  return {
    input: element,
    read: () => (element.value === '' ? undefined : values[Number(element.value)]),
    write: (/** @type {unknown} */ value) => {
      const at = values.indexOf(value);
      element.value = at < 0 ? '' : String(at);
    },
  };
}

/** @param {Field} field */
const flag = (field) => choice({ ...field, schema: { ...field.schema, enum: [true, false] } });

function json() {
  /** @type {HTMLTextAreaElement} */
  const element = input('textarea', { rows: '4', class: 'code', spellcheck: 'false' });
  return {
    input: element,
    read: () => (element.value.trim() === '' ? undefined : parsed(element.value)),
    write: (/** @type {unknown} */ value) => {
      element.value = value === undefined ? '' : JSON.stringify(value, null, 2);
    },
  };
}

/** What is no JSON goes as the text it is. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {Field} field */
function constant({ schema }) {
  /** @type {HTMLInputElement} */
  const element = input('input', { type: 'text', readonly: '' });
  element.value = JSON.stringify(schema['const']);
  return { input: element, read: () => schema['const'], write: () => undefined };
}

/**
 * Make a field with its label, its hint and room for what is wrong with it.
 *
 * @type {(name: string, field: Field, suggest: (prefix: string) => string) => Control}
 */
export function leaf(name, field, suggest) {
  const { input: element, read, write } = inputFor(field, suggest);
  const fault = make('p', { class: 'fault', id: newId(), hidden: '' });
  const hint = make('p', { class: 'hint', id: newId() }, field.hint);
  const label = make('label', { for: element.id }, labelOf(name));
  if (field.isRequired) label.append(make('span', { class: 'need' }, ' required'));
  element.setAttribute('aria-describedby', [hint.id, fault.id].join(' '));
  if (field.isRequired) element.setAttribute('aria-required', 'true');
  const empty = nullBox(name, field, element);
  const box = make(
    'div',
    { class: 'field', 'data-kind': field.kind },
    label,
    element,
    ...empty.elements,
  );
  if (field.hint) box.append(hint);
  box.append(fault);
  return {
    element: box,
    read: () => (empty.isChosen() ? null : read()),
    write: (value) => {
      empty.choose(value === null);
      write(value ?? undefined);
    },
    mark: (_path, message) => {
      showFault(fault, message);
      element.setAttribute('aria-invalid', 'true');
      return true;
    },
    clear: () => {
      showFault(fault, '');
      element.removeAttribute('aria-invalid');
    },
  };
}

/**
 * Offer null where it says something else than leaving the field out.
 *
 * @type {(name: string, field: Field, element: Input) => {elements: HTMLElement[], isChosen: () => boolean, choose: (is: boolean) => void}}
 */
function nullBox(name, { isNullable, fallback }, element) {
  if (!isNullable || fallback === null) {
    return { elements: [], isChosen: () => false, choose: () => undefined };
  }
  /** @type {any} */
  const box = make('input', { type: 'checkbox', id: newId() });
  const choose = (/** @type {boolean} */ is) => {
    box.checked = element.disabled = is;
  };
  box.addEventListener('change', () => choose(box.checked));
  const label = make('label', { class: 'null' }, box, ` ${labelOf(name)} is null`);
  return { elements: [label], isChosen: () => box.checked, choose };
}

/** @type {(fault: HTMLElement, message: string) => void} */
export function showFault(fault, message) {
  fault.textContent = message;
  fault.hidden = message === '';
}
