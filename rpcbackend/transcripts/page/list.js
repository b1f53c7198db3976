/* The rows: as many as are in view, however many there are. */

const List = (() => {
  const ROW_PX = 26;
  /** No engine lays out more than some ten million pixels. */
  const MOST_PX = 12_000_000;

  /**
   * @param {HTMLElement} grid
   * @param {HTMLElement} rows
   * @param {HTMLElement} axis
   * @param {(row: number) => Shown} look
   * @param {(place: number) => void} choose Told of a click on a place.
   */
  function create(grid, rows, axis, look, choose) {
    /** @type {ArrayLike<number>} */
    let shown = [];
    let chosen = -1;
    let isDue = false;

    const inView = () => Math.max(1, Math.floor(grid.clientHeight / ROW_PX));
    const heightPx = () => Math.min(shown.length * ROW_PX, MOST_PX);
    const room = () => Math.max(0, shown.length - inView());

    /** The first row in view; beyond some height a pixel is more than one. */
    function first() {
      const most = Math.max(1, heightPx() - grid.clientHeight);
      const place =
        heightPx() < MOST_PX ? grid.scrollTop / ROW_PX : (grid.scrollTop / most) * room();
      return Math.max(0, Math.min(shown.length - 1, Math.round(place)));
    }

    /** @param {number} place */
    function scrollToPlace(place) {
      const most = Math.max(1, heightPx() - grid.clientHeight);
      grid.scrollTop = heightPx() < MOST_PX ? place * ROW_PX : (place / Math.max(1, room())) * most;
    }

    function draw() {
      isDue = false;
      const from = first();
      const to = Math.min(shown.length, from + inView() + 1);
      /** @type {{place: number, row: Shown}[]} */
      const drawn = [];
      for (let place = from; place < to; place += 1) {
        drawn.push({ place, row: look(shown[place]) });
      }
      const span = spanOf(drawn.map(({ row }) => row));
      const view = make('div', { class: 'view', role: 'presentation' });
      view.append(...drawn.map(({ place, row }) => rowOf(place, row, span)));
      rows.replaceChildren(view);
      showAxis(axis, span);
      // A scroll bar may take room from the rows.
      axis.style.marginRight = `${grid.offsetWidth - grid.clientWidth}px`;
      const isDrawn = chosen >= from && chosen < to;
      if (isDrawn) grid.setAttribute('aria-activedescendant', `row-${chosen}`);
      else grid.removeAttribute('aria-activedescendant');
    }

    /** @type {(place: number, row: Shown, span: {from: number, ms: number}) => HTMLElement} */
    function rowOf(place, row, span) {
      const cell = (/** @type {string} */ name, /** @type {(Node | string)[]} */ ...children) =>
        make('span', { class: name, role: 'gridcell' }, ...children);
      return make(
        'div',
        {
          class: `row ${row.kind} ${row.state}`,
          id: `row-${place}`,
          role: 'row',
          'aria-rowindex': String(place + 1),
          'aria-selected': String(place === chosen),
          'data-place': String(place),
        },
        cell('time', Format.since(row.t)),
        cell('channel', make('i', { class: `dot ${row.channelKind || row.kind}` }), row.channel),
        cell('conn', row.conn),
        cell('track', ...barsOf(row, span)),
        cell('right', Format.ms(row.ms)),
        cell('outcome', row.outcome),
      );
    }

    function drawSoon() {
      if (!isDue) requestAnimationFrame(draw);
      isDue = true;
    }

    grid.addEventListener('scroll', drawSoon, { passive: true });
    new ResizeObserver(drawSoon).observe(grid);
    rows.addEventListener('click', (event) => {
      const row = /** @type {HTMLElement} */ (event.target).closest('[data-place]');
      if (row) choose(Number(/** @type {HTMLElement} */ (row).dataset['place']));
    });

    return {
      /** @param {ArrayLike<number>} wanted @param {number} place */
      show(wanted, place) {
        shown = wanted;
        chosen = place;
        grid.setAttribute('aria-rowcount', String(shown.length));
        rows.style.height = `${heightPx()}px`;
        this.reveal();
        draw();
      },
      /** @param {number} place */
      choose(place) {
        chosen = place;
        this.reveal();
        draw();
      },
      reveal() {
        if (chosen < 0) return;
        const top = first();
        if (chosen < top) scrollToPlace(chosen);
        else if (chosen >= top + inView()) scrollToPlace(chosen - inView() + 1);
      },
      inView,
    };
  }

  /** @param {Shown[]} rows */
  function spanOf(rows) {
    const from = Math.min(...rows.map(({ t }) => t));
    const to = Math.max(...rows.map(({ t, ms, ms2 }) => t + Math.max(ms ?? 0, ms2 ?? 0)));
    return { from, ms: Math.max(to - from, 0.001) };
  }

  /** @type {(row: Shown, span: {from: number, ms: number}) => HTMLElement[]} */
  function barsOf(row, span) {
    const bar = (/** @type {string} */ name, /** @type {number | null} */ ms) => {
      const element = make('i', { class: name });
      element.style.left = `${(100 * (row.t - span.from)) / span.ms}%`;
      if (ms !== null) element.style.width = `${(100 * ms) / span.ms}%`;
      return element;
    };
    const bars = [bar(row.ms === null ? 'instant' : `bar ${row.channelKind}`, row.ms)];
    return row.ms2 === null ? bars : [...bars, bar('bar second', row.ms2)];
  }

  /** @type {(axis: HTMLElement, span: {from: number, ms: number}) => void} */
  function showAxis(axis, span) {
    if (!Number.isFinite(span.from)) {
      axis.replaceChildren();
      return;
    }
    const ticks = [0, 0.25, 0.5, 0.75].map((share) => {
      // The hour stands in each row.
      const text =
        share === 0 ? Format.since(span.from).slice(3) : `+${Format.span(span.ms * share)}`;
      const tick = make('span', {}, text);
      tick.style.left = `${100 * share}%`;
      return tick;
    });
    axis.replaceChildren(...ticks);
  }

  return { create };
})();
