/** Tells the style sheet who goes by keyboard: older Chromium has no `:focus-visible`. */

/** Give the body of *page* the class `by-keyboard` from each key on until the next click. */
export function markKeyboardUse(page: Document): void {
  const mark = (isByKeyboard: boolean): void => {
    page.body.classList.toggle('by-keyboard', isByKeyboard);
  };
  page.addEventListener('keydown', () => mark(true), true);
  page.addEventListener('pointerdown', () => mark(false), true);
}
