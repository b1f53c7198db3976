/** The table of latencies by channel; every head sorts. */

/** @type {{name: string, of: (row: any) => any, say: (row: any) => string}[]} */
const COLUMNS = [
  {
    name: 'channel',
    of: (row) => row.channel ?? '',
    say: (row) => row.channel ?? 'no channel of ours',
  },
  { name: 'calls', of: (row) => row.times.count, say: (row) => Format.count(row.times.count) },
  { name: 'a second', of: (row) => row.rate, say: (row) => (row.rate ? row.rate.toFixed(1) : '–') },
  { name: 'p50', of: (row) => row.times.p50Ms ?? -1, say: (row) => say(row.times.p50Ms) },
  { name: 'p95', of: (row) => row.times.p95Ms ?? -1, say: (row) => say(row.times.p95Ms) },
  { name: 'p99', of: (row) => row.times.p99Ms ?? -1, say: (row) => say(row.times.p99Ms) },
  { name: 'errors', of: (row) => row.wrong, say: (row) => errorsOf(row) },
];

const say = (/** @type {number | null} */ ms) => (ms === null ? '–' : Format.span(ms));

/** Which column sorts, and whether the largest comes first. */
const sorted = { by: 'calls', isDown: true };

/**
 * Make the table.
 *
 * @type {(channels: any[], before: any[], seconds: number) => HTMLElement}
 */
export function latencyTable(channels, before, seconds) {
  const old = new Map(before.map(({ channel, times }) => [channel, times.count]));
  const rows = channels.map((each) => ({
    ...each,
    rate: old.has(each.channel) ? (each.times.count - old.get(each.channel)) / seconds : 0,
    wrong: each.errors.reduce(
      (/** @type {number} */ sum, /** @type {any} */ one) => sum + one.count,
      0,
    ),
  }));
  const body = make('tbody', {});
  const draw = () => body.replaceChildren(...inOrder(rows).map(rowOf));
  const heads = COLUMNS.map((column) => headOf(column, draw));
  draw();
  const caption = make('caption', {}, 'Latency by channel, since the backend started');
  return make(
    'table',
    { class: 'latencies' },
    caption,
    make('thead', {}, make('tr', {}, ...heads)),
    body,
  );
}

/** @type {(column: typeof COLUMNS[number], draw: () => void) => HTMLElement} */
function headOf({ name }, draw) {
  const button = make('button', { type: 'button' }, name);
  const head = make('th', { scope: 'col' }, button);
  const show = () => {
    const order = sorted.isDown ? 'descending' : 'ascending';
    head.setAttribute('aria-sort', sorted.by === name ? order : 'none');
  };
  show();
  button.addEventListener('click', () => {
    sorted.isDown = sorted.by === name ? !sorted.isDown : name !== 'channel';
    sorted.by = name;
    for (const other of head.parentElement?.children ?? []) other.setAttribute('aria-sort', 'none');
    show();
    draw();
  });
  return head;
}

/** @param {any[]} rows */
function inOrder(rows) {
  const of = COLUMNS.find(({ name }) => name === sorted.by)?.of ?? (() => 0);
  const up = [...rows].sort((one, other) => {
    const [a, b] = [of(one), of(other)];
    return typeof a === 'string' ? a.localeCompare(b) : a - b;
  });
  return sorted.isDown ? up.reverse() : up;
}

/** @param {any} row */
function rowOf(row) {
  const [first, ...others] = COLUMNS;
  const name = first?.say(row) ?? '';
  const head = make('th', { scope: 'row' });
  head.append(row.channel ? make('a', { href: `#/channels/${row.channel}` }, name) : name);
  return make('tr', {}, head, ...others.map((column) => make('td', {}, column.say(row))));
}

/** @param {any} row */
const errorsOf = ({ errors }) =>
  errors.length === 0
    ? '–'
    : errors.map((/** @type {any} */ one) => `${one.symbol} ${one.count}`).join(', ');
