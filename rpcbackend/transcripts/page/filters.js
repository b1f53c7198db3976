/* Which rows are wanted: by text, channel, connection, time, latency, errors, differences. */

/** @typedef {ReturnType<typeof Filters.create>} Filters */
/** @typedef {'errors' | 'differences' | 'events'} Switch */

const Filters = (() => {
  /** More connections than these are one choice for each kind of them: over HTTP each call has its own. */
  const MOST_CONNS = 30;
  const SWITCHES = /** @type {Switch[]} */ (['errors', 'differences', 'events']);

  /**
   * @param {Overview} overview
   * @param {Rows} rows
   * @param {() => void} apply Told of every change.
   */
  function create(overview, rows, apply) {
    const { channel, conn, one, two } = overview;
    const all = { from: 0, to: rows.end };
    const kinds = overview.conns.map((name) => name.replace(/_[0-9]+$/, ' …'));
    const names = overview.conns.length > MOST_CONNS ? [...new Set(kinds)] : overview.conns;
    const choices =
      names === overview.conns ? conn : conn.map((each) => names.indexOf(kinds[each]));
    const words = /** @type {HTMLInputElement} */ (byId('words'));

    /** An empty set is all of them. */
    const wanted = {
      channels: /** @type {Set<number>} */ (new Set()),
      conns: /** @type {Set<number>} */ (new Set()),
      errors: false,
      differences: false,
      events: true,
      /** @type {number | null} */
      latency: null,
      span: all,
    };

    /** @typedef {(row: number) => unknown} Test */

    function tests() {
      const { channels, conns, span, latency } = wanted;
      /** @type {[unknown, () => Test][]} */
      const each = [
        [channels.size, () => (row) => channels.has(channel[row])],
        [conns.size, () => (row) => conns.has(choices[row])],
        [wanted.errors, () => rows.isWrong],
        [wanted.differences, () => rows.isDifferent],
        [!wanted.events, () => (row) => !rows.isEvent(row)],
        [span !== all, () => spanTest(span)],
        [latency !== null, () => latencyTest(latency ?? 0)],
        [words.value, () => textTest(words.value)],
      ];
      return each.filter(([isWanted]) => isWanted).map(([, test]) => test());
    }

    /** @param {{from: number, to: number}} span */
    const spanTest = (span) => (/** @type {number} */ row) =>
      rows.timeOf(row) <= span.to && rows.timeOf(row) + (rows.msOf(row) ?? 0) >= span.from;

    /** @param {number} bar */
    function latencyTest(bar) {
      const [from, to] = Charts.spanOf(bar);
      return (/** @type {number} */ row) => {
        const ms = rows.msOf(row) ?? -1;
        return ms >= from && ms < to;
      };
    }

    /** @param {string} text */
    function textTest(text) {
      const found = Data.search(text);
      const low = text.toLowerCase();
      const names = overview.channels.map((name) => name.toLowerCase().includes(low));
      const sides = two ? [one, two] : [one];
      return (/** @type {number} */ row) =>
        names[channel[row]] ||
        sides.some(({ asked, told }) => found[asked[row]] || found[told[row]]);
    }

    function shown() {
      const list = tests();
      const kept = new Int32Array(rows.count);
      let count = 0;
      for (let row = 0; row < rows.count; row += 1) {
        if (list.every((test) => test(row))) kept[count++] = row;
      }
      return kept.subarray(0, count);
    }

    function showSwitches() {
      for (const name of SWITCHES) byId(name).setAttribute('aria-pressed', String(wanted[name]));
    }

    /** In a narrow window the choices are behind a button: it says how many were made. */
    function showChosen() {
      const count = wanted.channels.size + wanted.conns.size;
      byId('more').textContent = count ? `channels: ${count} chosen` : 'channels';
    }

    /** @param {Switch} name */
    function toggle(name) {
      if (name === 'differences' && !two) return;
      wanted[name] = !wanted[name];
      showSwitches();
      apply();
    }

    function reset() {
      wanted.channels.clear();
      wanted.conns.clear();
      const none = { errors: false, differences: false, events: true };
      Object.assign(wanted, none, { latency: null, span: all });
      words.value = '';
      for (const box of [byId('channels'), byId('conns')]) {
        for (const button of box.children) button.setAttribute('aria-pressed', 'false');
      }
      showChosen();
      showSwitches();
      apply();
    }

    /** @type {(from: number, to: number) => void} */
    function lookBetween(from, to) {
      const [start, end] = [Math.max(0, from), Math.min(rows.end, to)];
      const isAll = start <= 0 && end >= rows.end;
      wanted.span = isAll ? all : { from: start, to: Math.max(end, start + 0.001) };
      apply();
    }

    /** @type {(box: HTMLElement, names: string[], column: number[], ones: Set<number>) => void} */
    function offer(box, names, column, ones) {
      const times = names.map(() => /** @type {number[]} */ ([]));
      const counts = names.map(() => 0);
      column.forEach((name, row) => {
        counts[name] += 1;
        const ms = rows.msOf(row);
        if (ms !== null) times[name].push(ms);
      });
      const order = [...names.keys()].sort((a, b) => counts[b] - counts[a]);
      const buttons = order.map((index) => {
        const sorted = Float64Array.from(times[index]).sort();
        const button = choice(
          names[index],
          counts[index],
          counts[index] / counts[order[0]],
          sorted,
        );
        button.addEventListener('click', () => {
          if (!ones.delete(index)) ones.add(index);
          button.setAttribute('aria-pressed', String(ones.has(index)));
          showChosen();
          apply();
        });
        return button;
      });
      box.replaceChildren(...buttons);
      rove(box);
    }

    offer(byId('channels'), overview.channels, channel, wanted.channels);
    offer(byId('conns'), names, choices, wanted.conns);
    rove(byId('latency'));
    for (const id of ['differences', 'legend-differences']) byId(id).hidden = !two;
    for (const name of SWITCHES) byId(name).addEventListener('click', () => toggle(name));
    byId('reset').addEventListener('click', reset);
    byId('more').addEventListener('click', () => {
      const isOpen = byId('choices').classList.toggle('open');
      byId('more').setAttribute('aria-expanded', String(isOpen));
    });
    byId('latency').addEventListener('click', (event) => {
      const bar = /** @type {HTMLElement} */ (event.target).closest('button');
      if (!bar) return;
      const index = Number(bar.dataset['index']);
      wanted.latency = wanted.latency === index ? null : index;
      apply();
      byId('latency').querySelectorAll('button')[index]?.focus();
    });
    words.addEventListener('input', apply);
    dragOver(byId('timeline'), () => wanted.span, lookBetween);

    return { wanted, shown, toggle, reset, lookBetween };
  }

  /** @type {(name: string, many: number, share: number, times: Float64Array) => HTMLElement} */
  function choice(name, many, share, times) {
    const p95 = Charts.percentile(times, 0.95);
    const button = make(
      'button',
      { type: 'button', 'aria-pressed': 'false', tabindex: share === 1 ? '0' : '-1', title: name },
      make('span', { class: 'name' }, name),
      ' ',
      make('span', { class: 'many' }, Format.count(many)),
      ' ',
      make('span', { class: 'p95' }, p95 === null ? '' : `${Format.ms(p95)} ms`),
    );
    button.style.setProperty('--share', String(share));
    return button;
  }

  /** A toolbar is one stop of the tab key; arrows go on from there. @param {HTMLElement} box */
  function rove(box) {
    box.addEventListener('keydown', (event) => {
      const buttons = /** @type {HTMLElement[]} */ ([...box.children]);
      const now = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      const next = { Home: 0, End: buttons.length - 1 }[event.key] ?? now + stepOf(event.key);
      if (next === now || !buttons[next]) return;
      event.preventDefault();
      buttons[now]?.setAttribute('tabindex', '-1');
      buttons[next].setAttribute('tabindex', '0');
      buttons[next].focus();
    });
  }

  const stepOf = (/** @type {string} */ key) =>
    ({ ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 })[key] ?? 0;

  /** @type {(svg: HTMLElement, span: () => {from: number, to: number}, look: (from: number, to: number) => void) => void} */
  function dragOver(svg, span, look) {
    let start = 0;
    const timeAt = (/** @type {MouseEvent} */ event) => {
      const { left, width } = svg.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      return span().from + share * (span().to - span().from);
    };
    svg.addEventListener('pointerdown', (event) => {
      svg.setPointerCapture(event.pointerId);
      start = timeAt(event);
    });
    svg.addEventListener('pointerup', (event) => {
      const end = timeAt(event);
      const isDrag = Math.abs(end - start) > (span().to - span().from) / 200;
      if (isDrag) look(Math.min(start, end), Math.max(start, end));
    });
    svg.addEventListener('dblclick', () => look(0, Infinity));
  }

  return { create };
})();
