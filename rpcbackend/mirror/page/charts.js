/** Small charts of the last minutes. */

const WIDTH = 300;
const HEIGHT = 72;
const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{name: string, values: (number | null)[]}} Series */

/** @type {(tag: string, attributes: Record<string, string>) => SVGElement} */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * Draw lines over time, the newest value at the right.
 *
 * @type {(title: string, series: Series[], length: number, say: (value: number) => string) => HTMLElement}
 */
export function lines(title, series, length, say) {
  const found = series.flatMap(({ values }) => values).filter((value) => value !== null);
  const most = Math.max(...found, 0);
  const svg = shape('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  for (const y of [0.5, HEIGHT / 2, HEIGHT - 0.5])
    svg.append(shape('path', { class: 'rule', d: `M0 ${y}H${WIDTH}` }));
  for (const { name, values } of series) {
    svg.append(shape('path', { class: `series ${name}`, d: pathOf(values, length, most) }));
  }
  const legend = make(
    'dl',
    { class: 'legend' },
    ...series.map(({ name, values }) => {
      const now = values.at(-1) ?? null;
      const dot = make('i', { class: name, 'aria-hidden': 'true' });
      return make(
        'div',
        {},
        make('dt', {}, dot, name),
        make('dd', {}, now === null ? '–' : say(now)),
      );
    }),
  );
  const top = make(
    'span',
    { class: 'soft small' },
    found.length ? `up to ${say(most)}` : 'nothing yet',
  );
  const caption = make('figcaption', {}, make('h2', {}, title), top);
  return make('figure', { class: 'chart card' }, caption, svg, legend);
}

/** @type {(values: (number | null)[], length: number, most: number) => string} */
export function pathOf(values, length, most) {
  const step = WIDTH / Math.max(1, length - 1);
  const first = length - values.length;
  let isDrawing = false;
  const steps = values.map((value, at) => {
    if (value === null) {
      isDrawing = false;
      return '';
    }
    const x = ((first + at) * step).toFixed(1);
    const y = (HEIGHT - 2 - (value / (most || 1)) * (HEIGHT - 4)).toFixed(1);
    const move = isDrawing ? 'L' : 'M';
    isDrawing = true;
    // A lone one must be seen.
    const isLone = move === 'M' && (values[at + 1] ?? null) === null;
    return isLone ? `M${x} ${y}h1.5` : `${move}${x} ${y}`;
  });
  return steps.join('');
}
