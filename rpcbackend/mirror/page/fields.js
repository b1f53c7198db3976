/** What kind of field a JSON schema asks for; knows no document. */

/** @typedef {import('./contract.js').Schema} Schema */
/** @typedef {(schema: Schema) => Schema} Resolve */

/**
 * @typedef {'text' | 'long' | 'secret' | 'number' | 'flag' | 'choice' | 'date' | 'instant' | 'list' |
 *   'object' | 'variants' | 'json' | 'constant'} Kind
 */

/**
 * @typedef {object} Field
 * @property {Kind} kind
 * @property {Schema} schema Of the value when it is not null.
 * @property {boolean} isNullable
 * @property {boolean} isRequired
 * @property {unknown} fallback What is taken when it is left out; undefined when nothing says so.
 * @property {string} hint
 * @property {Schema[]} variants
 */

/** Characters: cursors and tokens are shorter, and nobody writes them. */
const LONG = 4_500;

/** That of this browser, in which times are typed; they are sent in UTC. */
const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What stands where a secret was. */
export const HIDDEN = '•••';

/** @type {(schema: Schema, isRequired: boolean, resolve: Resolve) => Field} */
export function fieldOf(schema, isRequired, resolve) {
  const outer = resolve(schema);
  const parts = (outer['anyOf'] ?? outer['oneOf'] ?? [outer]).map(resolve);
  const variants = parts.filter((/** @type {Schema} */ part) => part.type !== 'null');
  const isNullable = variants.length < parts.length;
  const inner = variants.length === 1 ? { ...about(outer), ...variants[0] } : outer;
  return {
    kind: variants.length > 1 ? 'variants' : kindOf(inner),
    schema: inner,
    isNullable,
    isRequired,
    fallback: outer['default'],
    hint: hintOf(outer, inner),
    variants,
  };
}

/** @param {Schema} schema @returns {Schema} */
const about = ({ anyOf: _any, oneOf: _one, default: _default, ...rest }) => rest;

/** @param {Schema} schema @returns {Kind} */
function kindOf(schema) {
  if ('const' in schema) return 'constant';
  if (schema['enum']) return 'choice';
  switch (schema['type']) {
    case 'boolean':
      return 'flag';
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return schema['items'] ? 'list' : 'json';
    case 'object':
      return schema['properties'] ? 'object' : 'json';
    case 'string':
      return textKindOf(schema);
    default:
      return 'json';
  }
}

/** @param {Schema} schema @returns {Kind} */
function textKindOf(schema) {
  if (schema['format'] === 'date') return 'date';
  if (schema['format'] === 'date-time') return 'instant';
  if (schema['x-secret']) return 'secret';
  return (schema['maxLength'] ?? 0) > LONG ? 'long' : 'text';
}

/** The prefix of an id, as in `stu_…`; empty when it is none. @param {Schema} schema */
export function prefixOf(schema) {
  return /^\^\(?([a-z]{2,4})_/.exec(schema['pattern'] ?? '')?.[1] ?? '';
}

/** @type {(outer: Schema, inner: Schema) => string} */
function hintOf(outer, inner) {
  const parts = [outer['description'] ?? inner['description'] ?? ''];
  if (kindOf(inner) === 'instant') parts.push(`By the clock of ${ZONE}.`);
  const { minimum, maximum, minItems, maxItems } = inner;
  const isBounded = minimum !== undefined && maximum !== undefined;
  if (isBounded && Math.abs(maximum) < Number.MAX_SAFE_INTEGER)
    parts.push(`${minimum} to ${maximum}.`);
  if (maxItems !== undefined) parts.push(`${minItems ?? 0} to ${maxItems} entries.`);
  const fallback = outer['default'];
  const isTold = fallback !== undefined && fallback !== null && !Array.isArray(fallback);
  if (isTold && fallback !== '') parts.push(`Without it: ${JSON.stringify(fallback)}.`);
  return parts.filter(Boolean).join(' ');
}

/** `studentId` as people read it: Student id. @param {string} name */
export function labelOf(name) {
  const words = name.replace(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * Return a copy of params with their secrets hidden, for what is kept of a call.
 *
 * @type {(value: unknown, schema: Schema, resolve: Resolve) => unknown}
 */
export function withoutSecrets(value, schema, resolve) {
  const { schema: inner, variants } = fieldOf(schema, true, resolve);
  const isSecret = [inner, ...variants].some((each) => each['x-secret']);
  if (isSecret && value !== null && value !== undefined) return HIDDEN;
  if (Array.isArray(value)) {
    return value.map((each) => withoutSecrets(each, inner['items'] ?? {}, resolve));
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, each]) => [
    name,
    withoutSecrets(each, memberOf(name, inner, variants), resolve),
  ]);
  return Object.fromEntries(members);
}

/** @type {(name: string, inner: Schema, variants: Schema[]) => Schema} */
const memberOf = (name, inner, variants) =>
  [inner, ...variants].map((each) => each['properties']?.[name]).find(Boolean) ?? {};
