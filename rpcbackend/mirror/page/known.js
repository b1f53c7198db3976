/** The ids that answers and events brought, so that nobody has to copy them into a field. */

const MOST = 200;
const ID = /^([a-z]{2,4})_[\da-f]{8}-[\da-f]{4}-7/;
const NAMES = [
  'fullName',
  'name',
  'studentName',
  'login',
  'plate',
  'title',
  'givenName',
  'familyName',
];

export class KnownIds {
  /** By prefix, the newest last. @type {Map<string, Map<string, string>>} */
  #ids = new Map();

  /** @param {unknown} value Anything the backend said. */
  learn(value) {
    this.#walk(value);
    for (const prefix of this.#ids.keys()) {
      if (document.getElementById(`known-${prefix}`)) this.suggest(prefix);
    }
  }

  /** Return the id of a list in the document that offers the ids of *prefix*. @param {string} prefix */
  suggest(prefix) {
    const id = `known-${prefix}`;
    const found = document.getElementById(id);
    const list = found ?? document.body.appendChild(make('datalist', { id }));
    const entries = [...(this.#ids.get(prefix) ?? [])].reverse();
    list.replaceChildren(...entries.map(([value, label]) => make('option', { value, label })));
    return id;
  }

  /** @param {unknown} value */
  #walk(value) {
    if (Array.isArray(value)) {
      for (const each of value) this.#walk(each);
    } else if (typeof value === 'object' && value !== null) {
      this.#learnRecord(/** @type {Record<string, unknown>} */ (value));
    }
  }

  /** @param {Record<string, unknown>} record */
  #learnRecord(record) {
    const names = ['givenName', 'familyName'].map((name) => record[name]).filter(Boolean);
    const label =
      names.length === 2
        ? names.join(' ')
        : String(record[NAMES.find((name) => record[name]) ?? ''] ?? '');
    for (const [name, value] of Object.entries(record)) {
      if (typeof value === 'string') this.#note(value, name === 'id' ? label : '');
      else this.#walk(value);
    }
  }

  /** @type {(id: string, label: string) => void} */
  #note(id, label) {
    const prefix = ID.exec(id)?.[1];
    if (prefix === undefined) return;
    const ids = this.#ids.get(prefix) ?? new Map();
    this.#ids.set(prefix, ids);
    const known = ids.get(id) ?? '';
    ids.delete(id);
    ids.set(id, label || known);
    const [oldest] = ids.keys();
    if (ids.size > MOST && oldest !== undefined) ids.delete(oldest);
  }
}
