/** What came back: how long it took, the result, or what went wrong and what to do about it. */

/**
 * @typedef {import('./api.js').Failure} Failure
 * @typedef {import('./api.js').Reply} Reply
 * @typedef {import('./contract.js').Channel} Channel
 */

/** @type {Record<string, string>} */
const OUTCOMES = {
  none: 'Nothing was changed.',
  committed: 'It took effect all the same.',
  unknown: 'Whether it took effect is not known: send it again with the same key.',
};

/** @type {(reply: Reply, channel: Channel | undefined) => HTMLElement} */
export function showReply(reply, channel) {
  const { error, data, ms, bytes, status } = reply;
  const verdict = error ? error.code : 'ok';
  const facts = [status ? `HTTP ${status}` : 'no answer', `${Format.ms(ms)} ms`, sizeOf(bytes)];
  const head = make(
    'header',
    { class: 'verdict' },
    make('strong', { class: error ? 'wrong' : 'fine' }, verdict),
    make('span', { class: 'soft' }, facts.join(' · ')),
  );
  const box = make(
    'section',
    { class: `answer ${error ? 'failed' : ''}`, 'aria-label': 'Answer' },
    head,
  );
  if (error) box.append(showFailure(error, channel));
  if (data !== null && data !== undefined) box.append(copyOf(data), ...dataOf(data));
  return box;
}

/** @param {any} data */
function dataOf(data) {
  const { _meta: meta, ...result } = data;
  const parts = [Messages.one(result)];
  if (meta) parts.push(make('h3', {}, 'Beside it'), Messages.one(meta));
  return parts;
}

/** @param {unknown} data */
function copyOf(data) {
  const copy = make('button', { type: 'button', class: 'small copy' }, 'Copy');
  copy.addEventListener('click', () => {
    navigator.clipboard.writeText(JSON.stringify(data, null, 2)).then(
      () => copy.replaceChildren('Copied'),
      () => copy.replaceChildren('Not copied'),
    );
  });
  return copy;
}

/** @type {(error: Failure, channel: Channel | undefined) => HTMLElement} */
function showFailure(error, channel) {
  const known = channel?.errors.find(({ symbol }) => symbol === error.code);
  const box = make('div', { class: 'failure' }, make('p', { class: 'what' }, error.message));
  // The contract says what the error means; often the message says just that.
  if (known && known.message !== error.message)
    box.append(make('p', { class: 'soft' }, known.message));
  box.append(make('p', {}, adviceFor(error)));
  const facts = make('dl', { class: 'facts' });
  const fact = (/** @type {string} */ name, /** @type {string | undefined} */ value) => {
    if (value) facts.append(make('dt', {}, name), make('dd', {}, value));
  };
  fact('type', error.type);
  fact('outcome', error.outcome);
  fact('correlation id', error.correlationId);
  if (error.timestamp) fact('at', new Date(error.timestamp).toISOString());
  box.append(facts);
  const details = error.details ?? {};
  if (Object.keys(details).length > 0) box.append(make('h3', {}, 'Details'), Messages.one(details));
  return box;
}

/** @param {Failure} error */
function adviceFor({ outcome, retryable, retryAfterMs }) {
  const again = retryAfterMs
    ? `Try again in ${Format.span(retryAfterMs)}.`
    : 'It can be tried again.';
  return [OUTCOMES[outcome] ?? '', retryable || retryAfterMs ? again : ''].join(' ').trim();
}

/** @param {number} bytes */
export function sizeOf(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  if (bytes < 1_073_741_824) return `${(bytes / 1_048_576).toFixed(1)} MiB`;
  return `${(bytes / 1_073_741_824).toFixed(1)} GiB`;
}
