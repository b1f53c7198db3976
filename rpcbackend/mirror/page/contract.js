/** What the backend says of itself (/openrpc.json), as the views want it. */

/**
 * @typedef {Record<string, any>} Schema
 * @typedef {{code: number, symbol: string, type: string, message: string, retryable: boolean}} KnownError
 */

/**
 * @typedef {object} Channel
 * @property {string} name
 * @property {string} area
 * @property {string} summary
 * @property {string} description What the summary does not say.
 * @property {'query' | 'command' | 'job'} kind
 * @property {string} permission
 * @property {string} cost
 * @property {string} idempotency
 * @property {boolean} isServed Over HTTP.
 * @property {boolean} isStepUp
 * @property {KnownError[]} errors
 * @property {string[]} events
 * @property {Schema} params
 * @property {Schema} result
 * @property {string} words All that can be searched for.
 */

export class Contract {
  /**
   * @param {Schema} document
   * @param {Set<string> | null} served The channels that there are over HTTP; null: not known.
   */
  constructor(document, served) {
    /** @type {Record<string, Schema>} */
    this.schemas = document.components.schemas;
    /** @type {string} */
    this.version = document.info.version;
    /** @type {string[]} */
    this.events = document['x-events'] ?? [];
    /** @type {Map<string, Channel>} */
    this.channels = new Map();
    for (const method of document.methods) {
      const isServed = served === null || served.has(method.name);
      this.channels.set(method.name, this.#channelOf(method, isServed));
    }
  }

  /**
   * Follow a reference; what stands beside it wins.
   *
   * @param {Schema} schema
   * @returns {Schema}
   */
  resolve(schema) {
    if (typeof schema.$ref !== 'string') return schema;
    const { $ref, ...beside } = schema;
    const found = this.schemas[$ref.split('/').at(-1) ?? ''] ?? {};
    return this.resolve({ ...found, ...beside });
  }

  /** The channels of each area, by name. @returns {[string, Channel[]][]} */
  areas() {
    /** @type {Map<string, Channel[]>} */
    const areas = new Map();
    for (const channel of this.channels.values()) {
      areas.set(channel.area, [...(areas.get(channel.area) ?? []), channel]);
    }
    return [...areas].sort(([one], [other]) => one.localeCompare(other));
  }

  /** @type {(method: Schema, isServed: boolean) => Channel} */
  #channelOf(method, isServed) {
    // Its lines are as long as those of the source: only paragraphs mean anything.
    const [summary, ...more] = (method.description ?? method.summary ?? '')
      .split('\n\n')
      .map((/** @type {string} */ text) => text.replaceAll('\n', ' '));
    /** @type {KnownError[]} */
    const errors = (method.errors ?? []).map(knownError);
    /** @type {Channel} */
    const channel = {
      name: method.name,
      area: method.name.includes('.') ? method.name.split('.')[0] : 'protocol',
      summary,
      description: more.join('\n\n'),
      kind: method['x-kind'],
      permission: method['x-permission'],
      cost: method['x-cost'],
      idempotency: method['x-idempotency'],
      isServed,
      isStepUp: method['x-step-up'] === true,
      errors,
      events: method['x-events'] ?? [],
      params: paramsOf(method, this.schemas[method['x-params']] ?? {}),
      result: method.result.schema,
      words: '',
    };
    const symbols = errors.map(({ symbol }) => symbol);
    const texts = [channel.name, method.description, channel.permission, channel.kind];
    channel.words = [...texts, ...symbols, ...channel.events].join(' ').toLowerCase();
    return channel;
  }
}

/**
 * Read the contract, and which channels of it there are over HTTP.
 *
 * @param {import('./api.js').Api} api
 * @returns {Promise<Contract | string>} Why it cannot be read, in a sentence.
 */
export async function openContract(api) {
  const ask = (/** @type {string} */ path) => api.get(path).catch(() => null);
  const rpc = await ask('/openrpc.json');
  if (rpc === null) return 'The backend gave no answer.';
  if (rpc.status === 401 || rpc.status === 403) return 'This opens nothing here.';
  if (!rpc.ok) return `The contract cannot be read (HTTP ${rpc.status}).`;
  const [document, http] = await Promise.all([rpc.json(), ask('/openapi.json')]);
  if (!http?.ok) return new Contract(document, null);
  const paths = Object.keys((await http.json()).paths);
  return new Contract(document, new Set(paths.map((path) => path.replace('/api/', ''))));
}

/** @param {Schema} error @returns {KnownError} */
const knownError = ({ code, message, data }) => ({
  code,
  symbol: data.code,
  type: data.type,
  message,
  retryable: data.retryable,
});

/** The model of the params, its members in the order of the contract. @type {(method: Schema, model: Schema) => Schema} */
function paramsOf({ params }, model) {
  /** @type {Schema} */
  const properties = {};
  for (const { name, schema } of params) properties[name] = model.properties?.[name] ?? schema;
  return { ...model, properties };
}

/** Those that every channel may answer; a channel shows its own first. */
export const GENERAL = new Set([
  ...['REQUEST_CANCELLED', 'INVALID_PARAMS', 'DEADLINE_EXCEEDED', 'SHUTTING_DOWN', 'OVERLOADED'],
  ...['RATE_LIMITED', 'NOT_INITIALIZED', 'UNAUTHENTICATED', 'SESSION_EXPIRED', 'FORBIDDEN'],
  ...['SCOPE_MISSING', 'IDEMPOTENCY_KEY_REUSED', 'READ_ONLY_MODE', 'PASSWORD_REQUIRED'],
]);
