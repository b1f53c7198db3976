/** The calendar on the page: heads, hours, columns of lessons; knows nothing of the backend. */

import { fill, find, make } from '../base/dom';
import type { DrawnLesson } from '../base/school';
import { timeOf } from '../base/week';
import { type Block, blockOf, drawDraft, drawFrame, drawLesson, drawNow } from './blocks';
import { type Column, isIn } from './columns';
import { placeInLanes } from './lanes';
import type { Place } from './places';
import { earliestHour, fitScale, minuteAt, pixelsOf, type Scale } from './scale';

export interface BoardPicture {
  readonly columns: readonly Column[];
  /** Names what is looked at: lessons that are new in the same outlook light up. */
  readonly outlook: string;
  readonly lessons: readonly DrawnLesson[];
  /** All lessons that are loaded, filtered out or not; undefined before they are. */
  readonly loaded: readonly DrawnLesson[] | undefined;
  /** The wall clock of the school: what is today and now. */
  readonly today: string;
  readonly time: string;
  readonly describe: (drawn: DrawnLesson) => {
    readonly instructor: string;
    readonly more: readonly string[];
  };
  readonly toneOf: (instructorId: string) => number;
  readonly draft: Draft | undefined;
}

/** The lesson in the form, shown where it would be. */
export interface Draft {
  readonly date: string;
  readonly time: string;
  readonly minutes: number;
  readonly instructorId: string;
}

/** A lesson on its way to another place. */
export interface Ghost {
  readonly lessonId: string;
  readonly place: Place;
  readonly minutes: number;
  /** Above whose it is, below when it would be. */
  readonly texts: readonly [name: string, label: string];
  /** Keep it in sight: nobody points at it. */
  readonly isByKeys: boolean;
}

// As calendar.css has it, with its line.
const headPixels = 47;

/** The board and what is carried over it. */
export class Board {
  readonly grid = find('grid', HTMLDivElement);
  readonly heads = find('day-heads', HTMLDivElement);
  readonly #scroller = find('scroller', HTMLElement);
  #scale: Scale = { from: earliestHour, to: earliestHour, hourPixels: 1 };
  #picture: BoardPicture | undefined;
  #known: ReadonlySet<string> | undefined;
  #ghost: Ghost | undefined;

  get columns(): readonly Column[] {
    return this.#picture?.columns ?? [];
  }

  get lessons(): readonly DrawnLesson[] {
    return this.#picture?.lessons ?? [];
  }

  /** Return a drawn lesson. */
  lesson(id: string): DrawnLesson | undefined {
    return this.#picture?.lessons.find(({ lesson }) => lesson.id === id);
  }

  /** Draw everything anew; the focus stays on the lesson that has it. */
  draw(picture: BoardPicture): void {
    const isSame = this.#picture?.outlook === picture.outlook;
    const known = (isSame ? this.#known : undefined) ?? idsOf(picture.loaded ?? []);
    const focused = focusedLesson();
    // The heads stay in place while the hours scroll below them.
    const heightPixels = this.#scroller.clientHeight - headPixels;
    this.#scale = fitScale(picture.lessons, heightPixels);
    this.grid.style.setProperty('--hour', `${this.#scale.hourPixels}px`);
    for (const element of [this.grid, this.heads]) {
      element.style.setProperty('--columns', String(picture.columns.length));
    }
    fill(this.heads, make('div'), ...picture.columns.map((column) => drawHead(column, picture)));
    fill(
      this.grid,
      drawHours(this.#scale),
      ...picture.columns.map((column) => drawColumn(column, picture, this.#scale, known)),
    );
    if (!isSame) {
      this.#scroller.scrollTop = pixelsOf(earliestHour * 60, this.#scale);
    }
    this.#picture = picture;
    this.#known = picture.loaded && idsOf(picture.loaded);
    this.#haunt();
    this.#letTabIn(focused);
  }

  /** Show a lesson on its way, or no longer. */
  carry(ghost: Ghost | undefined): void {
    this.#ghost = ghost;
    this.#haunt();
  }

  /** Return the place under the pointer: which column, and which minute of the day. */
  at(clientX: number, clientY: number): Place | undefined {
    const columns = [...this.grid.querySelectorAll('.day')].map((day) =>
      day.getBoundingClientRect(),
    );
    const column = columns.findIndex(({ left, right }) => clientX >= left && clientX < right);
    const box = columns[column];
    return box && { column, minute: minuteAt(clientY - box.top, this.#scale) };
  }

  /** Scroll when the pointer comes near an edge. */
  scrollNear(clientY: number): void {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const edge = 28;
    const by = clientY < top + edge ? -12 : clientY > bottom - edge ? 12 : 0;
    this.#scroller.scrollTop += by;
  }

  /** Focus a lesson, if it is drawn. */
  focus(lessonId: string): void {
    this.#button(lessonId)?.focus();
  }

  #button(lessonId: string): HTMLElement | undefined {
    return [...this.grid.querySelectorAll<HTMLElement>('[data-lesson]')].find(
      (button) => button.dataset['lesson'] === lessonId,
    );
  }

  /** Tab comes to one lesson; from there on the arrow keys go. */
  #letTabIn(focused: string | undefined): void {
    const again = focused === undefined ? undefined : this.#button(focused);
    const entry = again ?? this.grid.querySelector<HTMLElement>('[data-lesson]');
    entry?.setAttribute('tabindex', '0');
    again?.focus();
  }

  #haunt(): void {
    for (const old of this.grid.querySelectorAll('.ghost')) {
      old.remove();
    }
    for (const button of this.grid.querySelectorAll<HTMLElement>('[data-lesson]')) {
      button.classList.toggle('lifted', button.dataset['lesson'] === this.#ghost?.lessonId);
    }
    if (this.#ghost !== undefined) {
      const { place, minutes, texts, isByKeys } = this.#ghost;
      const frame = drawFrame('ghost', place.minute, minutes, this.#scale, texts);
      this.grid.querySelectorAll('.day')[place.column]?.append(frame);
      if (isByKeys) {
        frame.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      }
    }
  }
}

function idsOf(lessons: readonly DrawnLesson[]): ReadonlySet<string> {
  return new Set(lessons.map(({ lesson }) => lesson.id));
}

function focusedLesson(): string | undefined {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement ? activeElement.dataset['lesson'] : undefined;
}

function drawHead(column: Column, { today, lessons }: BoardPicture): HTMLElement {
  const count = lessons.filter((drawn) => isIn(column, drawn)).length;
  const isToday = column.date === today && column.instructorId === undefined;
  const attributes = { class: 'day-head', title: column.label };
  const name = [
    make('span', { class: 'day-number' }, column.title),
    make('span', { class: 'day-name' }, column.subtitle),
  ];
  const isDay = column.instructorId === undefined;
  return make(
    'div',
    isToday ? { ...attributes, 'aria-current': 'date' } : attributes,
    isDay ? drawDayButton(column, name) : make('span', { class: 'day-owner' }, ...name),
    make('span', { class: 'day-count', title: 'Lessons' }, count === 0 ? '' : String(count)),
  );
}

/** A day of the week leads to the same day by instructor. */
function drawDayButton({ date, label }: Column, name: readonly HTMLElement[]): HTMLElement {
  const attributes = { type: 'button', class: 'day-link', 'data-day': date };
  return make('button', { ...attributes, 'aria-label': `${label}, by instructor` }, ...name);
}

function drawHours({ from, to, hourPixels }: Scale): HTMLElement {
  const hours = make('div', { class: 'hours', 'aria-hidden': 'true' });
  hours.style.height = `${(to - from) * hourPixels}px`;
  for (let hour = from; hour < to; hour += 1) {
    const label = make('span', { class: 'hour' }, timeOf(hour * 60));
    label.style.top = `${(hour - from) * hourPixels}px`;
    hours.append(label);
  }
  return hours;
}

function drawColumn(
  column: Column,
  picture: BoardPicture,
  scale: Scale,
  known: ReadonlySet<string>,
): HTMLElement {
  const blocks = picture.lessons.filter((drawn) => isIn(column, drawn)).map(blockOf);
  const list = make('ul', { 'aria-label': column.label });
  for (const placed of placeInLanes<Block>(blocks)) {
    const item = drawLesson(placed, picture, scale);
    item.classList.toggle('fresh', !known.has(placed.span.drawn.lesson.id));
    list.append(item);
  }
  const weekday = new Date(`${column.date}T00:00Z`).getUTCDay();
  const isWeekend = column.instructorId === undefined && (weekday === 0 || weekday === 6);
  const day = make('div', {
    class: isWeekend ? 'day weekend' : 'day',
    'data-date': column.date,
    'data-instructor': column.instructorId ?? '',
  });
  day.style.height = `${(scale.to - scale.from) * scale.hourPixels}px`;
  day.append(list, ...drawDraft(column, picture, scale), ...drawNow(column, picture, scale));
  return day;
}
