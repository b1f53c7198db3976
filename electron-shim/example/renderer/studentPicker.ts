/** The search box for students: a combobox after the ARIA authoring practices. */

import type { SchoolClient, Student } from '../../src/renderer';
import { fill, find, make } from './dom';
import { nameOf } from './school';

// Long enough that a fast typist causes one search, too short to be felt.
const typingPauseMs = 120;
const shown = 8;

/** The box and its list of results. */
export class StudentPicker {
  readonly #client: SchoolClient;
  readonly #input = find('student', HTMLInputElement);
  readonly #list = find('student-list', HTMLDivElement);
  #found: readonly Student[] = [];
  #active = -1;
  #chosen: Student | undefined;
  #timer: number | undefined;
  #search = 0;

  constructor(client: SchoolClient) {
    this.#client = client;
    this.#input.addEventListener('input', () => this.#typed());
    this.#input.addEventListener('keydown', (event) => this.#pressed(event));
    this.#input.addEventListener('focus', () => this.#typed());
    this.#input.addEventListener('blur', () => this.#close());
    // A click must not take the focus off the box before it counts.
    this.#list.addEventListener('mousedown', (event) => event.preventDefault());
    this.#list.addEventListener('click', (event) => this.#clicked(event));
  }

  get chosen(): Student | undefined {
    return this.#chosen;
  }

  /** Empty the box. */
  clear(): void {
    this.#chosen = undefined;
    this.#input.value = '';
  }

  /** Mark the box as missing its student, or not. */
  markInvalid(isInvalid: boolean): void {
    this.#input.setAttribute('aria-invalid', String(isInvalid));
    if (isInvalid) {
      this.#input.focus();
    }
  }

  #typed(): void {
    if (this.#chosen !== undefined && this.#input.value === nameOf(this.#chosen)) {
      return;
    }
    this.#chosen = undefined;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#look(), typingPauseMs);
  }

  async #look(): Promise<void> {
    const text = this.#input.value.trim();
    this.#search += 1;
    const search = this.#search;
    const page = await this.#client
      .send('students.list', { limit: shown, ...(text === '' ? {} : { text }) })
      .catch(() => undefined);
    // A slow answer to an older question is no answer.
    if (page !== undefined && search === this.#search && document.activeElement === this.#input) {
      this.#found = page.items;
      this.#open();
    }
  }

  #open(): void {
    this.#active = this.#found.length > 0 ? 0 : -1;
    const items =
      this.#found.length === 0
        ? [make('div', { class: 'nobody', role: 'presentation' }, 'No student of this name')]
        : this.#found.map((student, index) =>
            make(
              'div',
              { role: 'option', id: `student-${index}`, 'data-index': String(index) },
              make('span', {}, nameOf(student)),
              make('small', {}, `born ${student.bornOn.slice(0, 4)}`),
            ),
          );
    fill(this.#list, ...items);
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
    this.#point();
  }

  #close(): void {
    window.clearTimeout(this.#timer);
    // An answer that is still on its way opens nothing any more.
    this.#search += 1;
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
  }

  #point(): void {
    for (const item of this.#list.querySelectorAll('[role=option]')) {
      const isActive = item.id === `student-${this.#active}`;
      item.setAttribute('aria-selected', String(isActive));
      if (isActive) {
        this.#input.setAttribute('aria-activedescendant', item.id);
        item.scrollIntoView({ block: 'nearest' });
      }
    }
  }

  #pressed(event: KeyboardEvent): void {
    if (this.#list.hidden) {
      if (event.key === 'ArrowDown') {
        void this.#look();
      }
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && this.#found.length > 0) {
      this.#active = (this.#active + step + this.#found.length) % this.#found.length;
      this.#point();
    } else if (event.key === 'Enter') {
      this.#choose(this.#found[this.#active]);
    } else if (event.key === 'Escape') {
      this.#close();
    } else {
      return;
    }
    event.preventDefault();
  }

  #clicked(event: MouseEvent): void {
    const item = event.target instanceof Element ? event.target.closest('[role=option]') : null;
    if (item instanceof HTMLElement) {
      this.#choose(this.#found[Number(item.dataset['index'])]);
    }
  }

  #choose(student: Student | undefined): void {
    if (student === undefined) {
      return;
    }
    this.#chosen = student;
    this.#input.value = nameOf(student);
    this.markInvalid(false);
    this.#close();
  }
}
