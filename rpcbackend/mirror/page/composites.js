/** Fields made of fields: objects, lists, one of several shapes. */

import { leaf } from './controls.js';
import { fieldOf, labelOf } from './fields.js';

/**
 * @typedef {import('./contract.js').Schema} Schema
 * @typedef {import('./controls.js').Control} Control
 * @typedef {import('./fields.js').Field} Field
 */

/**
 * @typedef {object} Surroundings
 * @property {(schema: Schema) => Schema} resolve
 * @property {(prefix: string) => string} suggest Returns the id of a list of known ids.
 */

/**
 * Make what a value of *schema* is typed into.
 *
 * @type {(name: string, schema: Schema, isRequired: boolean, around: Surroundings) => Control}
 */
export function control(name, schema, isRequired, around) {
  const field = fieldOf(schema, isRequired, around.resolve);
  switch (field.kind) {
    case 'object':
      return optional(name, field, () => members(field.schema, around));
    case 'list':
      return list(name, field, around);
    case 'variants':
      return variants(name, field, around);
    default:
      return leaf(name, field, around.suggest);
  }
}

/** The members of an object, those that must be there first. @type {(schema: Schema, around: Surroundings) => Control} */
export function members(schema, around) {
  const required = new Set(schema['required'] ?? []);
  const names = Object.keys(schema['properties'] ?? {});
  names.sort((one, other) => Number(required.has(other)) - Number(required.has(one)));
  /** @type {Map<string, Control>} */
  const controls = new Map();
  for (const name of names) {
    controls.set(name, control(name, schema['properties'][name], required.has(name), around));
  }
  /** What the form has no field for stays as it was given. */
  let more = {};
  return {
    element: make('div', { class: 'members' }, ...[...controls.values()].map((one) => one.element)),
    read: () => {
      /** @type {Record<string, unknown>} */
      const value = { ...more };
      for (const [name, one] of controls) {
        const member = one.read();
        if (member !== undefined) value[name] = member;
      }
      return value;
    },
    write: (value) => {
      const given = asObject(value);
      more = Object.fromEntries(Object.entries(given).filter(([name]) => !controls.has(name)));
      for (const [name, one] of controls) one.write(given[name]);
    },
    mark: ([name = '', ...path], message) => controls.get(name)?.mark(path, message) ?? false,
    clear: () => {
      for (const one of controls.values()) one.clear();
    },
  };
}

/** @param {unknown} value @returns {Record<string, unknown>} */
const asObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? /** @type {Record<string, unknown>} */ (value)
    : {};

/** @type {(name: string, field: Field, ...children: HTMLElement[]) => HTMLElement} */
function group(name, field, ...children) {
  const need = field.isRequired ? [make('span', { class: 'need' }, ' required')] : [];
  const box = make('fieldset', { class: 'field group' });
  box.append(make('legend', {}, labelOf(name), ...need));
  if (field.hint) box.append(make('p', { class: 'hint' }, field.hint));
  box.append(...children);
  return box;
}

/** @type {(text: string, act: () => void, attributes?: Record<string, string>) => HTMLElement} */
function button(text, act, attributes = {}) {
  const element = make('button', { type: 'button', class: 'small', ...attributes }, text);
  element.addEventListener('click', act);
  return element;
}

/** An object that may be left out has a button to begin it. @type {(name: string, field: Field, build: () => Control) => Control} */
function optional(name, field, build) {
  const place = make('div', {});
  /** @type {Control | null} */
  let inner = null;
  const set = (/** @type {boolean} */ isThere) => {
    inner = isThere ? (inner ?? build()) : null;
    const toggle = button(inner ? 'Leave out' : `Add ${labelOf(name).toLowerCase()}`, () =>
      set(!inner),
    );
    place.replaceChildren(...(inner ? [inner.element] : []), ...(field.isRequired ? [] : [toggle]));
  };
  set(field.isRequired);
  return {
    element: group(name, field, place),
    read: () => inner?.read(),
    write: (value) => {
      set(field.isRequired || (value !== undefined && value !== null));
      inner?.write(value);
    },
    mark: (path, message) => inner?.mark(path, message) ?? false,
    clear: () => inner?.clear(),
  };
}

/** @type {(name: string, field: Field, around: Surroundings) => Control} */
function list(name, field, around) {
  const place = make('div', { class: 'entries' });
  /** @type {{one: Control, row: HTMLElement}[]} */
  let entries = [];
  let last = 0;
  const add = (/** @type {unknown} */ value) => {
    last += 1;
    const one = control(`${name} ${last}`, field.schema['items'], true, around);
    if (value !== undefined) one.write(value);
    const remove = button('Remove', () => {
      entries = entries.filter((entry) => entry.one !== one);
      row.remove();
      more.focus();
    });
    remove.setAttribute('aria-label', `Remove this entry of ${labelOf(name)}`);
    const row = make('div', { class: 'entry' }, one.element, remove);
    entries.push({ one, row });
    place.append(row);
    return row;
  };
  const more = button(`Add to ${labelOf(name).toLowerCase()}`, () => {
    const first = add(undefined).querySelector('input, select, textarea');
    if (first instanceof HTMLElement) first.focus();
  });
  return {
    element: group(name, field, place, more),
    // An empty list says something else than none where none is refused.
    read: () =>
      entries.length > 0 || field.isRequired
        ? entries.map(({ one }) => one.read() ?? null)
        : undefined,
    write: (value) => {
      entries = [];
      last = 0;
      place.replaceChildren();
      for (const each of Array.isArray(value) ? value : []) add(each);
    },
    // Without a number it is about the list, and no entry's fault.
    mark: ([at = 'all', ...path], message) => entries[Number(at)]?.one.mark(path, message) ?? false,
    clear: () => {
      for (const { one } of entries) one.clear();
    },
  };
}

/** @type {(name: string, field: Field, around: Surroundings) => Control} */
function variants(name, field, around) {
  const titles = field.variants.map((each, at) =>
    String(each['title'] ?? each['type'] ?? `shape ${at + 1}`),
  );
  const options = titles.map((title, at) => make('option', { value: String(at) }, title));
  const none = make('option', { value: '' }, field.isRequired ? 'choose …' : 'left out');
  /** @type {any} */
  const select = make('select', { 'aria-label': `Shape of ${labelOf(name)}` }, none, ...options);
  const place = make('div', {});
  /** @type {Control | null} */
  let inner = null;
  const choose = (/** @type {string} */ at) => {
    select.value = at;
    const schema = at === '' ? undefined : field.variants[Number(at)];
    inner = schema ? control(name, schema, true, around) : null;
    place.replaceChildren(...(inner ? [inner.element] : []));
  };
  select.addEventListener('change', () => choose(select.value));
  return {
    element: group(name, field, select, place),
    read: () => inner?.read(),
    write: (value) => {
      const at = field.variants.findIndex((each) => fits(value, each));
      choose(at < 0 ? '' : String(at));
      inner?.write(value);
    },
    mark: (path, message) => inner?.mark(path, message) ?? false,
    clear: () => inner?.clear(),
  };
}

/** Tell roughly whether a value is of that shape. @type {(value: unknown, schema: Schema) => boolean} */
function fits(value, schema) {
  if (value === undefined || value === null) return false;
  if (schema['enum']) return schema['enum'].includes(value);
  const type = Array.isArray(value) ? 'array' : typeof value;
  const names = { integer: 'number' };
  const wanted = names[/** @type {keyof typeof names} */ (schema['type'])] ?? schema['type'];
  if (type !== wanted) return false;
  const required = schema['required'] ?? [];
  return (
    type !== 'object' || required.every((/** @type {string} */ name) => name in asObject(value))
  );
}
