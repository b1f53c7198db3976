/* Calls over time, and by how long they took. */

const Charts = (() => {
  const BUCKETS = 400;
  const STEPS = [
    0,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    Infinity,
  ];

  /**
   * Draw how many there were at each time; each layer has its own scale.
   *
   * @param {HTMLElement} svg
   * @param {{name: string, times: Float64Array, top: number, height: number}[]} layers
   * @param {{from: number, to: number}} span
   */
  function timeline(svg, layers, span) {
    const paths = layers.map(({ name, times, top, height }) => {
      const counts = countsOf(times, span);
      const most = Math.max(...counts);
      const bars = counts.map((count, at) => {
        // A single one must be seen.
        const up = Math.max(height / 8, (count / most) * height);
        return count ? `M${at} ${top + height}v${-up}h1v${up}z` : '';
      });
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('d', bars.join(''));
      path.setAttribute('class', name);
      return path;
    });
    svg.replaceChildren(...paths);
  }

  /** @type {(times: Float64Array, span: {from: number, to: number}) => number[]} */
  function countsOf(times, { from, to }) {
    const counts = new Array(BUCKETS).fill(0);
    const width = Math.max(to - from, 0.001);
    for (const time of times) {
      const bucket = Math.floor(((time - from) / width) * BUCKETS);
      counts[Math.max(0, Math.min(BUCKETS - 1, bucket))] += 1;
    }
    return counts;
  }

  /**
   * Draw how many took how long; each bar is a filter.
   *
   * @param {HTMLElement} box
   * @param {Float64Array} times Sorted.
   * @param {number | null} chosen The bar that is one.
   */
  function latency(box, times, chosen) {
    const counts = STEPS.slice(1).map((to, index) => below(times, to) - below(times, STEPS[index]));
    const most = Math.max(1, ...counts);
    box.replaceChildren(
      ...counts.map((count, index) => {
        const span = labelOf(index);
        const bar = make('button', {
          type: 'button',
          'aria-pressed': String(index === chosen),
          'aria-label': `${span}: ${Format.count(count)} calls`,
          title: `${span}: ${Format.count(count)} calls`,
          'data-index': String(index),
          tabindex: index === (chosen ?? 0) ? '0' : '-1',
        });
        const fill = make('span', { class: 'fill' });
        fill.style.height = count ? `${Math.max(2, (100 * count) / most)}%` : '0';
        // One, ten, a hundred: there is no room for all.
        const tick = index % 3 !== 1 ? '' : Format.span(STEPS[index]).replace(' ms', '');
        bar.append(make('span', { class: 'room' }, fill), make('span', { class: 'tick' }, tick));
        return bar;
      }),
    );
  }

  /** @param {number} index */
  function labelOf(index) {
    const [from, to] = spanOf(index);
    if (from === 0) return `below ${Format.span(to)}`;
    return to === Infinity
      ? `${Format.span(from)} or more`
      : `${Format.span(from)} to ${Format.span(to)}`;
  }

  /** @type {(index: number) => [number, number]} */
  const spanOf = (index) => [STEPS[index], STEPS[index + 1]];

  /** @type {(times: Float64Array, limit: number) => number} */
  function below(times, limit) {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Return a percentile by the nearest rank.
   *
   * @type {(times: Float64Array, share: number) => number | null}
   */
  const percentile = (times, share) =>
    times.length ? times[Math.ceil(share * times.length) - 1] : null;

  return { timeline, latency, spanOf, labelOf, percentile };
})();
