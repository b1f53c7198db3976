/** The search box for students: a combobox after the ARIA authoring practices. */

import type { SchoolClient, Student } from '../../../src/renderer';
import { fill, find, make } from '../base/dom';
import { nameOf } from '../base/school';
import { Lookup } from '../students/lookup';
import { drawMarked } from '../students/name';

const shown = 8;

/** The box and its list of results. */
export class StudentPicker {
  readonly #input = find('student', HTMLInputElement);
  readonly #list = find('student-list', HTMLDivElement);
  readonly #lookup: Lookup<readonly Student[]>;
  readonly #chose: () => void;
  #found: readonly Student[] = [];
  #active = -1;
  #chosen: Student | undefined;

  constructor(client: SchoolClient, chose: () => void) {
    this.#chose = chose;
    const look = async (text: string): Promise<readonly Student[]> => {
      const words = text === '' ? {} : { text };
      const page = await client.send('students.list', { limit: shown, state: 'active', ...words });
      return page.items;
    };
    this.#lookup = new Lookup(look, (found) => this.#open(found), {
      set: (act, delayMs) => window.setTimeout(act, delayMs),
      clear: (timer) => window.clearTimeout(timer),
    });
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

  /** Choose *student*. */
  choose(student: Student): void {
    this.#chosen = student;
    this.#input.value = nameOf(student);
    this.markInvalid(false);
    this.#close();
    this.#chose();
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
    this.#lookup.typed(this.#input.value);
  }

  #open(found: readonly Student[]): void {
    this.#found = found;
    this.#active = found.length > 0 ? 0 : -1;
    const items =
      found.length === 0
        ? [
            make(
              'div',
              { class: 'nobody', role: 'option', 'aria-disabled': 'true' },
              'No active student of this name',
            ),
          ]
        : found.map((student, index) =>
            make(
              'div',
              { role: 'option', id: `student-${index}`, 'data-index': String(index) },
              drawMarked(nameOf(student), this.#input.value),
              make('small', {}, `born ${student.bornOn.slice(0, 4)}`),
            ),
          );
    fill(this.#list, ...items);
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
    this.#point();
  }

  #close(): void {
    // An answer that is still on its way opens nothing any more.
    this.#lookup.drop();
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
  }

  #point(): void {
    for (const item of this.#list.querySelectorAll('[data-index]')) {
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
        void this.#lookup.ask(this.#input.value);
      }
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && this.#found.length > 0) {
      this.#active = (this.#active + step + this.#found.length) % this.#found.length;
      this.#point();
    } else if (event.key === 'Enter') {
      this.#take(this.#active);
    } else if (event.key === 'Escape') {
      this.#close();
    } else {
      return;
    }
    event.preventDefault();
  }

  #clicked(event: MouseEvent): void {
    const item = event.target instanceof Element ? event.target.closest('[data-index]') : null;
    if (item instanceof HTMLElement) {
      this.#take(Number(item.dataset['index']));
    }
  }

  #take(index: number): void {
    const student = this.#found[index];
    if (student !== undefined) {
      this.choose(student);
    }
  }
}
