/** What is said of a command beside its params: the key that names it, and whether it is only a try. */

/** @typedef {import('./contract.js').Channel} Channel */

const once = 'once for each wish: the same key again is the same command';

/** @param {Channel} channel */
export function commandOptions(channel) {
  /** @type {any} */
  const key = make('input', {
    id: 'idempotency-key',
    maxlength: '128',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  key.value = newKey();
  const fresh = make('button', { type: 'button', class: 'small' }, 'New key');
  fresh.addEventListener('click', renewKey);
  const dry = make(
    'label',
    { class: 'check' },
    make('input', { type: 'checkbox', id: 'dry-run' }),
    ' Dry run: check all, keep nothing',
  );
  const takesKey = channel.idempotency !== 'none';
  const label = make('label', { for: 'idempotency-key' }, 'Idempotency key');
  const hint = make(
    'p',
    { class: 'hint' },
    channel.idempotency === 'once' ? `Required, ${once}.` : `Good ${once}.`,
  );
  const keyField = make(
    'div',
    { class: 'field' },
    label,
    make('div', { class: 'row' }, key, fresh),
    hint,
  );
  return [make('div', { class: 'options' }, ...(takesKey ? [keyField, dry] : []))];
}

/** @param {Channel} channel */
export function optionsOf(channel) {
  if (channel.kind === 'query' || channel.idempotency === 'none') return {};
  const key = /** @type {HTMLInputElement} */ (byId('idempotency-key')).value;
  const dryRun = /** @type {HTMLInputElement} */ (byId('dry-run')).checked;
  return { dryRun, ...(key ? { idempotencyKey: key } : {}) };
}

/** Take a new key: what comes now is another wish. */
export function renewKey() {
  const key = document.getElementById('idempotency-key');
  if (key instanceof HTMLInputElement) key.value = newKey();
}

const newKey = () => `console-${crypto.randomUUID()}`;
