/* The row that is open: its request and reply, the events between them, and the second transcript's. */

const Detail = (() => {
  const EVENTS = 20;
  /** @type {Record<string, string[]>} */
  const TITLES = { call: ['Request', 'Reply'], notification: ['Request'], reply: ['', 'Reply'] };
  const SIDES = /** @type {const} */ (['asked', 'told']);

  /**
   * @param {HTMLElement} box
   * @param {Overview} overview
   * @param {Rows} rows
   * @param {() => void} close
   * @param {(row: number) => void} reveal Told of an event that is gone to.
   */
  function create(box, overview, rows, close, reveal) {
    const { one, two, kind, conn, changed } = overview;

    /** @param {number} row */
    function show(row) {
      if (row < 0) {
        box.replaceChildren(make('p', {}, 'No row is left.'));
        return;
      }
      box.replaceChildren(head(row), ...changes(row), ...meanwhile(row), messages(row));
      box.scrollTop = 0;
    }

    /** @param {number} row */
    function head(row) {
      const shown = rows.look(row);
      const about = [Format.since(shown.t), shown.conn];
      // Of an event the outcome says that it is one.
      if (shown.channelKind) about.push(shown.channelKind);
      if (shown.ms !== null) about.push(`${Format.ms(shown.ms)} ms`);
      if (shown.ms2 !== null) about.push(`${Format.ms(shown.ms2)} ms in the second`);
      const button = make('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '✕');
      button.addEventListener('click', close);
      return make(
        'header',
        {},
        make('h2', {}, shown.channel),
        make('p', {}, about.join(' · ')),
        make('p', { class: `verdict ${shown.state}` }, shown.outcome),
        button,
      );
    }

    /** @param {number} row */
    function messages(row) {
      const titles = TITLES[kind[row]] ?? ['Event'];
      const parts = SIDES.map((side, index) => {
        const paths = changed[row]?.[index] ?? [];
        return titles[index] ? part(titles[index], row, side, paths) : '';
      });
      return make('div', { class: two ? 'messages stacked' : 'messages' }, ...parts);
    }

    /** @type {(title: string, row: number, side: 'asked' | 'told', paths: string[]) => HTMLElement} */
    function part(title, row, side, paths) {
      const left = Data.message(one[side][row]);
      const right = two ? Data.message(two[side][row]) : undefined;
      if (two && (left ?? right) !== undefined) return comparison(title, left, right, paths);
      const body = left === undefined ? make('p', {}, 'None.') : Messages.one(left);
      return make('section', { 'aria-label': title }, make('h3', {}, title), body);
    }

    /** @type {(title: string, left: unknown, right: unknown, paths: string[]) => HTMLElement} */
    function comparison(title, left, right, paths) {
      const isChanged = paths.length > 0;
      const said = isChanged ? '' : ', no difference';
      const summary = make('summary', {}, make('h3', {}, title + said));
      const names = [overview.first.name, overview.second?.name ?? ''];
      const sides = make('div', { class: 'sides' }, ...names.map((name) => make('span', {}, name)));
      const details = make('details', {}, summary, sides, Messages.two(left, right, paths));
      // What does not differ is not in the way of what does.
      details.toggleAttribute('open', isChanged || title !== 'Request');
      return make('section', { 'aria-label': title }, details);
    }

    /** The paths that differ, each a way to its line. @param {number} row */
    function changes(row) {
      const found = changed[row];
      if (!two || !found || rows.onlyIn(row)) return [];
      const list = make('ul', { class: 'changes', 'aria-label': 'Differences' });
      SIDES.forEach((side, index) => {
        const left = Data.message(one[side][row]);
        const right = Data.message(two[side][row]);
        for (const path of found[index]) {
          const [old, young] = [left, right].map((each) => brief(Messages.at(each, path)));
          const name = make('b', {}, path || 'reply');
          const button = make('button', { type: 'button' }, name, ` ${old} → ${young}`);
          button.addEventListener('click', () => goTo(path));
          list.append(make('li', {}, button));
        }
      });
      return [list];
    }

    /** @param {unknown} value */
    function brief(value) {
      const text = JSON.stringify(value) ?? 'absent';
      return text.length > 60 ? `${text.slice(0, 60)}…` : text;
    }

    /** @param {string} path */
    function goTo(path) {
      const place = path.replace(/ \((order|length)\)$/, '');
      const line = box.querySelector(`.changed[data-path="${CSS.escape(place)}"]`);
      (line ?? box.querySelector(`[data-path="${CSS.escape(place)}"]`))?.scrollIntoView({
        block: 'center',
      });
    }

    /** The events between a request and its reply. @param {number} row */
    function meanwhile(row) {
      const buttons = eventsDuring(row).map((next) => {
        const after = Format.ms(rows.timeOf(next) - rows.timeOf(row));
        const text = `${rows.channelOf(next)} +${after} ms`;
        const button = make('button', { type: 'button' }, text);
        button.addEventListener('click', () => reveal(next));
        return make('li', {}, button);
      });
      const attributes = { class: 'meanwhile', 'aria-label': 'Events meanwhile' };
      return buttons.length ? [make('ul', attributes, ...buttons)] : [];
    }

    /** @param {number} row */
    function eventsDuring(row) {
      const end = rows.timeOf(row) + (rows.msOf(row) ?? -1);
      let next = row + 1;
      while (next < rows.count && rows.timeOf(next) <= end) next += 1;
      const between = Array.from({ length: next - row - 1 }, (_, index) => row + 1 + index);
      return between
        .filter((each) => rows.isEvent(each) && conn[each] === conn[row])
        .slice(0, EVENTS);
    }

    return { show };
  }

  return { create };
})();
