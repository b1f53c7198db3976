/* The figures and charts of the rows that are shown. */

const Figures = (() => {
  /** @type {(rows: Rows, shown: Int32Array, isCompared: boolean, wanted: Filters['wanted']) => void} */
  function show(rows, shown, isCompared, wanted) {
    const times = timesOf(rows, shown);
    const errors = shown.filter(rows.isWrong);
    const events = shown.filter(rows.isEvent);
    const differences = shown.filter(rows.isDifferent);
    const others = shown.filter((row) => !rows.isEvent(row));
    showFigures([
      ['calls', Format.count(times.length), ''],
      ['errors', Format.count(errors.length), errors.length ? 'wrong' : ''],
      ...(isCompared ? [differencesOf(differences.length)] : []),
      ['events', Format.count(events.length), ''],
      ...[0.5, 0.95, 0.99, 1].map((share) => percentileOf(times, share)),
    ]);
    const at = (/** @type {Int32Array} */ some) => Float64Array.from(some, rows.timeOf);
    Charts.timeline(
      byId('timeline'),
      [
        { name: 'calls', times: at(others), top: 0, height: 66 },
        { name: 'events', times: at(events), top: 70, height: 12 },
        { name: 'differences', times: at(differences), top: 84, height: 16 },
        { name: 'errors', times: at(errors), top: 84, height: 16 },
      ],
      wanted.span,
    );
    Charts.latency(byId('latency'), times, wanted.latency);
    const { from, to } = wanted.span;
    byId('window').textContent = `from ${Format.since(from)}, ${Format.span(to - from)}`;
    byId('status').textContent =
      `${Format.count(shown.length)} of ${Format.count(rows.count)} rows`;
  }

  /** @type {(count: number) => [string, string, string]} */
  const differencesOf = (count) => ['differences', Format.count(count), count ? 'changed' : ''];

  /** @type {(times: Float64Array, share: number) => [string, string, string]} */
  function percentileOf(times, share) {
    const ms = Charts.percentile(times, share);
    const name = share === 1 ? 'longest' : `p${100 * share}`;
    return [name, ms === null ? '-' : `${Format.ms(ms)} ms`, ''];
  }

  /** @param {[string, string, string][]} figures */
  function showFigures(figures) {
    byId('figures').replaceChildren(
      ...figures.map(([name, value, state]) =>
        make('div', { class: state }, make('dt', {}, name), make('dd', {}, value)),
      ),
    );
  }

  /** How long those took that were answered, sorted. @type {(rows: Rows, shown: Int32Array) => Float64Array} */
  function timesOf(rows, shown) {
    const times = new Float64Array(shown.length);
    let found = 0;
    for (const row of shown) {
      const ms = rows.msOf(row);
      if (ms !== null) times[found++] = ms;
    }
    return times.subarray(0, found).sort();
  }

  return { show };
})();
