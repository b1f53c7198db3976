/* Elements and texts. */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Make an element; text is never read as HTML. */
const make = (
  /** @type {string} */ tag,
  /** @type {Record<string, string>} */ attributes = {},
  /** @type {(Node | string)[]} */ ...children
) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/** Show the page light instead of dark, or the other way round. */
function changeTheme() {
  const { style } = document.documentElement;
  const isDark = style.colorScheme
    ? style.colorScheme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  style.colorScheme = isDark ? 'light' : 'dark';
}

const Format = {
  count: new Intl.NumberFormat('en').format,
  /** @param {number | null | undefined} ms */
  ms(ms) {
    if (ms === null || ms === undefined) return '';
    if (ms < 1) return ms.toFixed(2);
    return ms < 100 ? ms.toFixed(1) : Format.count(Math.round(ms));
  },
  /** @param {number} ms Since the start. */
  since(ms) {
    const whole = Math.max(0, Math.round(ms));
    const two = (/** @type {number} */ value) => String(Math.trunc(value)).padStart(2, '0');
    const clock = `${two((whole / 60_000) % 60)}:${two((whole / 1_000) % 60)}`;
    return `${two(whole / 3_600_000)}:${clock}.${String(whole % 1_000).padStart(3, '0')}`;
  },
  /** @param {number} ms A length of time. */
  span(ms) {
    if (ms < 1_000) return `${Number(ms.toPrecision(3))} ms`;
    if (ms < 120_000) return `${Number((ms / 1_000).toPrecision(3))} s`;
    if (ms < 7_200_000) return `${Number((ms / 60_000).toPrecision(3))} min`;
    return `${Number((ms / 3_600_000).toPrecision(3))} h`;
  },
};
