/** The students: a search, a list that goes on, and one of them with his lessons. */

import type { Lesson, SchoolClient, Student } from '../../../src/renderer';
import { fill, find, make, makeButton, say } from '../base/dom';
import { nameOf, type School } from '../base/school';
import { writeSpan } from '../base/spans';
import { dayMonthYear } from '../base/week';
import { adviceFor } from '../problems/advice';
import { Lookup } from './lookup';
import { drawMarked } from './name';

const pageSize = 40;
const lessonsShown = 8;

export interface StudentHost {
  readonly school: () => School;
  readonly bookFor: (student: Student) => void;
  readonly show: (lesson: Lesson) => void;
}

interface Found {
  readonly students: readonly Student[];
  readonly cursor: string | null;
  readonly typed: string;
}

/** The page of the students. */
export class StudentView {
  readonly #client: SchoolClient;
  readonly #host: StudentHost;
  readonly #input = find('student-search', HTMLInputElement);
  readonly #rows = find('student-rows', HTMLTableSectionElement);
  readonly #state = find('student-state', HTMLSelectElement);
  readonly #more = find('student-more', HTMLButtonElement);
  readonly #count = find('student-count', HTMLParagraphElement);
  readonly #detail = find('student-detail', HTMLElement);
  readonly #lookup: Lookup<Found>;
  #found: Found = { students: [], cursor: null, typed: '' };
  #chosen: string | undefined;

  constructor(client: SchoolClient, host: StudentHost) {
    this.#client = client;
    this.#host = host;
    this.#lookup = new Lookup(
      (typed) => this.#load(typed, null),
      (found) => this.#show(found),
      {
        set: (act, delayMs) => window.setTimeout(act, delayMs),
        clear: (timer) => window.clearTimeout(timer),
      },
    );
    this.#input.addEventListener('input', () => this.#lookup.typed(this.#input.value));
    this.#state.addEventListener('change', () => this.refresh());
    this.#more.addEventListener('click', () => void this.#loadMore());
  }

  /** Look again for what is typed. */
  refresh(): void {
    void this.#lookup.ask(this.#input.value);
  }

  /** Open the page with the cursor in the search. */
  open(): void {
    this.refresh();
    this.#input.focus();
    this.#input.select();
  }

  /** Show one student, and nobody else. */
  show(student: Student): void {
    this.#input.value = nameOf(student);
    this.refresh();
    this.#choose(student);
  }

  async #load(typed: string, cursor: string | null): Promise<Found> {
    const state = this.#state.value as Student['state'] | '';
    const page = await this.#client
      .send('students.list', {
        limit: pageSize,
        cursor,
        ...(typed === '' ? {} : { text: typed }),
        ...(state === '' ? {} : { state }),
      })
      .catch((error: unknown) => {
        this.#explain(error);
        throw error;
      });
    return { students: page.items, cursor: page.nextCursor, typed };
  }

  async #loadMore(): Promise<void> {
    const { students, cursor, typed } = this.#found;
    const next = await this.#load(typed, cursor).catch(() => undefined);
    if (next !== undefined && this.#found.cursor === cursor) {
      this.#show({ ...next, students: [...students, ...next.students] });
      this.#rows.querySelectorAll('button')[students.length]?.focus();
    }
  }

  #show(found: Found): void {
    this.#found = found;
    fill(this.#rows, ...found.students.map((student) => this.#drawRow(student)));
    this.#more.hidden = found.cursor === null;
    const text = countText(found, this.#state.value);
    this.#count.textContent = text;
    say(text);
  }

  #drawRow(student: Student): HTMLElement {
    const open = make('button', { type: 'button', class: 'row-link' });
    open.append(drawMarked(nameOf(student), this.#found.typed));
    open.addEventListener('click', () => this.#choose(student));
    const row = make(
      'tr',
      { 'data-student': student.id },
      make('td', {}, open),
      make('td', { class: 'figure' }, student.bornOn.split('-').reverse().join('/')),
      make('td', {}, student.phone ?? '–'),
      make('td', {}, student.email ?? '–'),
      make('td', {}, make('span', { class: 'tag', 'data-state': student.state }, student.state)),
    );
    row.classList.toggle('chosen', student.id === this.#chosen);
    return row;
  }

  #choose(student: Student): void {
    this.#chosen = student.id;
    for (const row of this.#rows.querySelectorAll('tr')) {
      row.classList.toggle('chosen', row.dataset['student'] === student.id);
    }
    void this.#drawDetail(student);
  }

  async #drawDetail(student: Student): Promise<void> {
    const from = `${new Date().toISOString().slice(0, 19)}Z`;
    const page = await this.#client
      .send('lessons.list', { studentId: student.id, state: 'booked', from, limit: lessonsShown })
      .catch(() => undefined);
    if (this.#chosen !== student.id) {
      return;
    }
    const lessons = page?.items ?? [];
    const items = lessons.map((lesson) => this.#drawLesson(lesson));
    const nothing = make('p', { class: 'nothing' }, 'No lesson is booked.');
    const list = make('ul', { class: 'lesson-list', 'aria-label': 'Lessons to come' }, ...items);
    const book = makeButton('Book a lesson', () => this.#host.bookFor(student), {
      class: 'primary',
    });
    book.disabled = student.state !== 'active';
    fill(
      this.#detail,
      make('h2', { tabindex: '-1' }, nameOf(student)),
      make('p', { class: 'muted' }, `Born ${dayMonthYear(student.bornOn)}`),
      make('h3', {}, 'Lessons to come'),
      items.length > 0 ? list : nothing,
      book,
    );
  }

  #drawLesson(lesson: Lesson): HTMLElement {
    const instructor = this.#host.school().instructors.find(({ id }) => id === lesson.instructorId);
    const who = instructor === undefined ? '' : ` · ${nameOf(instructor)}`;
    const label = `${writeSpan(lesson, lesson.zone)}${who}`;
    return make(
      'li',
      {},
      makeButton(label, () => this.#host.show(lesson), { class: 'row-link' }),
    );
  }

  #explain(error: unknown): void {
    const isFailure = typeof error === 'object' && error !== null && 'symbol' in error;
    const advice = isFailure ? adviceFor(error as Parameters<typeof adviceFor>[0]) : '';
    const message = error instanceof Error ? error.message : '';
    this.#count.textContent = `${message} ${advice}`.trim();
    fill(this.#rows);
    this.#more.hidden = true;
  }
}

function countText({ students: { length }, cursor, typed }: Found, state: string): string {
  if (length > 0) {
    const many = cursor === null ? String(length) : `The first ${length}`;
    return `${many} ${length === 1 ? 'student' : 'students'}`;
  }
  return typed === '' && state === ''
    ? 'Nobody is enrolled yet.'
    : 'Nobody fits. Try less of the name, or another state.';
}
