/* The page: which row is chosen, and what the keys do. */

/** @param {Overview} overview */
function inspect(overview) {
  const rows = Rows.create(overview);
  const filters = Filters.create(overview, rows, apply);
  const list = List.create(byId('grid'), byId('rows'), byId('axis'), rows.look, (at) => {
    choose(at);
    setOpen(true);
  });
  const detail = Detail.create(byId('detail'), overview, rows, close, reveal);
  const words = /** @type {HTMLInputElement} */ (byId('words'));
  const keys = /** @type {HTMLDialogElement} */ (byId('keys'));

  /** @type {Int32Array} */
  let shown = new Int32Array(0);
  /** The row that is chosen, and its place among those shown; -1 if none is. */
  let chosen = -1;
  let place = -1;
  let isOpen = false;

  function apply() {
    shown = filters.shown();
    place = placeOf(chosen);
    chosen = shown[place] ?? -1;
    list.show(shown, place);
    Figures.show(rows, shown, overview.two !== null, filters.wanted);
    if (isOpen) detail.show(chosen);
  }

  /** Return the place of a row, or of the next one that is shown. @param {number} row */
  function placeOf(row) {
    const next = shown.findIndex((each) => each >= row);
    return next === -1 ? shown.length - 1 : next;
  }

  /** @param {number} to */
  function choose(to) {
    if (shown.length === 0) return;
    place = Math.max(0, Math.min(shown.length - 1, to));
    chosen = shown[place] ?? -1;
    list.choose(place);
    if (isOpen) detail.show(chosen);
  }

  /** @param {1 | -1} step */
  function chooseNotable(step) {
    const isNotable = (/** @type {number} */ row) => rows.isWrong(row) || rows.isDifferent(row);
    let at = place + step;
    while (at >= 0 && at < shown.length && !isNotable(shown[at])) at += step;
    if (at >= 0 && at < shown.length) choose(at);
  }

  /** @param {number} row */
  function reveal(row) {
    if (!shown.includes(row)) filters.reset();
    choose(shown.indexOf(row));
  }

  /** @param {boolean} open */
  function setOpen(open) {
    isOpen = open && chosen >= 0;
    byId('detail').hidden = !isOpen;
    document.body.classList.toggle('open', isOpen);
    if (isOpen) detail.show(chosen);
    list.choose(place);
  }

  function close() {
    setOpen(false);
    byId('grid').focus();
  }

  /** @param {number} factor */
  function zoom(factor) {
    const { from, to } = filters.wanted.span;
    const middle = chosen < 0 ? (from + to) / 2 : rows.timeOf(chosen);
    const half = ((to - from) * factor) / 2;
    filters.lookBetween(middle - half, middle + half);
  }

  /** @type {Record<string, () => void>} */
  const gridKeys = {
    ArrowDown: () => choose(place + 1),
    ArrowUp: () => choose(place - 1),
    j: () => choose(place + 1),
    k: () => choose(place - 1),
    PageDown: () => choose(place + list.inView()),
    PageUp: () => choose(place - list.inView()),
    Home: () => choose(0),
    End: () => choose(shown.length - 1),
    Enter: () => setOpen(true),
    ' ': () => setOpen(!isOpen),
    n: () => chooseNotable(1),
    p: () => chooseNotable(-1),
    e: () => filters.toggle('errors'),
    d: () => filters.toggle('differences'),
    v: () => filters.toggle('events'),
    '+': () => zoom(0.5),
    '-': () => zoom(2),
    0: () => filters.lookBetween(0, rows.end),
  };

  /** @type {Record<string, () => void>} */
  const pageKeys = {
    Escape() {
      if (document.activeElement === words) byId('grid').focus();
      else if (isOpen) close();
      else filters.reset();
    },
    '/'() {
      words.focus();
      words.select();
    },
    '?': () => keys.showModal(),
  };

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const isTyping = document.activeElement === words && event.key !== 'Escape';
    const inGrid = document.activeElement === byId('grid');
    const act = isTyping ? undefined : (pageKeys[event.key] ?? (inGrid && gridKeys[event.key]));
    if (!act) return;
    event.preventDefault();
    act();
  }

  byId('help').addEventListener('click', () => keys.showModal());
  byId('theme').addEventListener('click', changeTheme);
  document.addEventListener('keydown', press);
  showAbout(overview, rows.end);
  apply();
  byId('grid').focus({ preventScroll: true });
}

/** @type {(overview: Overview, end: number) => void} */
function showAbout({ first, second, messages }, end) {
  const at = (/** @type {string} */ instant) => instant.replace('T', ' ').replace('.000Z', 'Z');
  byId('name').textContent = second ? `${first.name} against ${second.name}` : first.name;
  const about = [
    `${Format.count(messages)} messages in ${Format.span(end)}`,
    `since ${at(first.startedAt)}`,
    `version ${first.version}`,
  ];
  if (second) about.push(`second: since ${at(second.startedAt)}, version ${second.version}`);
  byId('about').textContent = about.join(' · ');
  const notes = [first, second].flatMap((each) =>
    (each?.notes ?? []).map((note) => make('p', {}, `${each?.name}: ${note}`)),
  );
  byId('notes').replaceChildren(...notes);
}

Data.open().then(
  (overview) => {
    inspect(overview);
    requestAnimationFrame(() => {
      document.body.setAttribute('aria-busy', 'false');
      performance.mark('ready');
    });
  },
  (error) => {
    byId('about').textContent = `The page cannot be read: ${error}`;
  },
);
