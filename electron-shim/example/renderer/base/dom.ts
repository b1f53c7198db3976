/** Small tools to build and find elements. */

type Attributes = Readonly<Record<string, string | boolean>>;

/** Make an element; a true attribute is set empty, a false one left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children);
  return element;
}

/** Make a button that does something. */
export function makeButton(
  label: string,
  act: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  const button = make('button', { type: 'button', ...attributes }, label);
  button.addEventListener('click', act);
  return button;
}

/** Replace the children of *element*. */
export function fill(element: Element, ...children: readonly (Node | string)[]): void {
  element.textContent = '';
  element.append(...children);
}

/** Return the element with *id*. @throws TypeError: the page has none of this kind. */
export function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) {
    throw new TypeError(`the page has no ${kind.name} #${id}`);
  }
  return element;
}

/** Call *act* when the button with *id* is pressed. */
export function onClick(id: string, act: () => void): void {
  find(id, HTMLButtonElement).addEventListener('click', act);
}

/** Offer *options* in *select* and keep the choice if it is still there. */
export function offer(
  select: HTMLSelectElement,
  options: readonly { readonly value: string; readonly label: string }[],
): void {
  const chosen = select.options.length === 0 ? undefined : select.value;
  fill(select, ...options.map(({ value, label }) => make('option', { value }, label)));
  if (options.some(({ value }) => value === chosen)) {
    select.value = chosen ?? '';
  }
}

/** Tell who cannot see the page what has happened. */
export function say(text: string): void {
  find('said', HTMLParagraphElement).textContent = text;
}

/** Copy *text*; works without the permission that the clipboard API wants. */
export function copy(text: string): void {
  const box = make('textarea', { class: 'unseen', 'aria-hidden': 'true' });
  box.value = text;
  // Inside the open dialog, if there is one: outside of it nothing can be selected.
  (document.querySelector('dialog[open]') ?? document.body).append(box);
  const before = document.activeElement;
  box.select();
  document.execCommand('copy');
  box.remove();
  if (before instanceof HTMLElement) {
    before.focus();
  }
}
