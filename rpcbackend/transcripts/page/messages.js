/* One message, or two side by side, as lines of JSON; and which of them differ. */

/**
 * @typedef {object} Line
 * @property {number} depth
 * @property {string} key With its quotes and colon.
 * @property {string} text
 * @property {string} kind For its colour.
 * @property {string} end A comma, or nothing.
 */

/**
 * @typedef {object} Pair
 * @property {Line | null} left
 * @property {Line | null} right
 * @property {'' | 'changed' | 'allowed'} state
 * @property {string} path
 */

const Messages = (() => {
  const ABSENT = Symbol('absent');
  const LINES = 1_500;
  const PLACEHOLDER = /^<(secret|personal|digest|unreadable):\d+>$/;
  const STANDS_FOR = {
    secret: 'a secret that was taken out',
    personal: 'what tells of a person, and was taken out',
    digest: 'a digest that was taken out',
    unreadable: 'a line that was no JSON; its length in bytes',
  };

  /** @param {unknown} value @returns {value is Record<string, unknown>} */
  function isContainer(value) {
    return typeof value === 'object' && value !== null;
  }

  /** @param {unknown} value */
  function kindOf(value) {
    if (typeof value === 'string') return PLACEHOLDER.test(value) ? 'placeholder' : 'string';
    return typeof value === 'number' ? 'number' : 'literal';
  }

  /**
   * @typedef {object} Place Where a value stands.
   * @property {string} path
   * @property {string} key
   * @property {number} depth
   * @property {string} end
   */

  /** Walks through two values at once. Where they part, the page was told whether they may. */
  class Walk {
    /** @type {Pair[]} */
    pairs = [];

    /** @param {Set<string>} changed The paths that may not differ, and do. */
    constructor(changed) {
      this.changed = changed;
    }

    /** @type {(a: unknown, b: unknown, place: Place, isListed?: boolean) => Pair[]} */
    go(a, b, place, isListed = false) {
      if (isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b)) {
        this.#enter(a, b, place);
      } else {
        const isChanged = isListed || this.changed.has(place.path);
        this.#leaf(a, b, place, isChanged ? 'changed' : 'allowed');
      }
      return this.pairs;
    }

    /** @type {(a: unknown, b: unknown, place: Place, state: 'changed' | 'allowed') => void} */
    #leaf(a, b, place, state) {
      const [old, young] = [linesOf(a, place), linesOf(b, place)];
      for (let at = 0; at < Math.max(old.length, young.length); at += 1) {
        const pair = { left: old[at] ?? null, right: young[at] ?? null, path: place.path };
        this.pairs.push({ ...pair, state: a === b ? '' : state });
      }
    }

    /** @type {(a: Record<string, unknown>, b: Record<string, unknown>, place: Place) => void} */
    #enter(a, b, { path, key, depth, end }) {
      const isList = Array.isArray(a);
      const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
      const isLonger = this.changed.has(`${path} (length)`);
      const [open, close] = isList ? '[]' : '{}';
      const line = { depth, key: '', kind: '', path };
      if (names.length === 0) {
        this.#both({ ...line, key, text: open + close, end });
        return;
      }
      this.#both({ ...line, key, text: open, end: '' });
      names.forEach((name, index) => {
        const place = {
          path: isList ? `${path}[${name}]` : `${path}.${name}`.replace(/^\./, ''),
          key: isList ? '' : `${JSON.stringify(name)}: `,
          depth: depth + 1,
          end: index < names.length - 1 ? ',' : '',
        };
        const isOneSided = Object.hasOwn(a, name) !== Object.hasOwn(b, name);
        this.go(memberOf(a, name), memberOf(b, name), place, isLonger && isOneSided);
      });
      this.#both({ ...line, text: close, end });
    }

    /** @param {Line & {path: string}} line */
    #both(line) {
      this.pairs.push({ left: line, right: line, state: '', path: line.path });
    }
  }

  /** @type {(value: Record<string, unknown>, name: string) => unknown} */
  const memberOf = (value, name) => (Object.hasOwn(value, name) ? value[name] : ABSENT);

  const TOP = { path: '', key: '', depth: 0, end: '' };

  /** @type {(left: unknown, right: unknown, changed: string[]) => Pair[]} */
  const pairsOf = (left, right, changed) => new Walk(new Set(changed)).go(left, right, TOP);

  /** @type {(value: unknown, place: Place) => Line[]} */
  function linesOf(value, place) {
    if (value === ABSENT) return [];
    if (!isContainer(value)) {
      return [{ ...place, text: JSON.stringify(value), kind: kindOf(value) }];
    }
    const pairs = new Walk(new Set()).go(value, value, place);
    return pairs.map(({ left }) => /** @type {Line} */ (left));
  }

  /** @param {Line | null} line */
  function show(line) {
    const code = make('code', { class: line ? 'line' : 'line none' });
    if (!line) return code;
    code.style.setProperty('--depth', String(line.depth));
    if (line.key) code.append(make('span', { class: 'key' }, line.key));
    const found = line.kind === 'placeholder' && PLACEHOLDER.exec(JSON.parse(line.text));
    const title = found && STANDS_FOR[/** @type {keyof typeof STANDS_FOR} */ (found[1])];
    const value = make('span', { class: line.kind, ...(title ? { title } : {}) });
    value.append(found ? found[0] : line.text);
    code.append(value, line.end);
    return code;
  }

  const MARKS = { '': '', changed: '≠', allowed: '≈' };
  const SAID = { '': '', changed: 'different: ', allowed: 'may differ: ' };

  /** @type {(pair: Pair, isOne: boolean) => HTMLElement} */
  function showPair(pair, isOne) {
    const row = make('div', { class: `pair ${pair.state}`, 'data-path': pair.path });
    row.append(show(pair.left));
    if (isOne) return row;
    const mark = make('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[pair.state]);
    row.append(mark, make('span', { class: 'said' }, SAID[pair.state]), show(pair.right));
    return row;
  }

  /** @type {(pairs: Pair[], isOne: boolean) => HTMLElement} */
  function showPairs(pairs, isOne) {
    const box = make('div', { class: isOne ? 'json' : 'json two' });
    /** @type {(from: number, to: number) => void} */
    const add = (from, to) => {
      for (const pair of pairs.slice(from, to)) box.append(showPair(pair, isOne));
    };
    // The first difference is shown, however far down it stands.
    const first = pairs.findIndex(({ state }) => state === 'changed');
    const shown = Math.max(LINES, first + 100);
    add(0, shown);
    if (pairs.length > shown) {
      const rest = Format.count(pairs.length - shown);
      const more = make('button', { type: 'button' }, `${rest} more lines`);
      more.addEventListener('click', () => {
        more.remove();
        add(shown, pairs.length);
      });
      box.append(more);
    }
    return box;
  }

  return {
    /** @param {unknown} message */
    one: (message) => showPairs(pairsOf(message, message, []), true),
    /** @type {(left: unknown, right: unknown, changed: string[]) => HTMLElement} */
    two: (left, right, changed) =>
      showPairs(pairsOf(left ?? ABSENT, right ?? ABSENT, changed), false),
    /** @param {unknown} message @param {string} path */
    at(message, path) {
      const steps = path.match(/[^.[\]]+/g) ?? [];
      return steps.reduce((/** @type {any} */ value, step) => value?.[step], message);
    },
  };
})();
