/** The page of the calendar: what is looked at, the lessons of it, and what is done with them. */

import type { SchoolClient } from '../../../src/renderer';
import { fill, find, make, onClick, say } from '../base/dom';
import {
  branchOf,
  type DrawnLesson,
  emptySchool,
  loadWeek,
  nameOf,
  type School,
} from '../base/school';
import type { Span } from '../base/spans';
import {
  addDays,
  longDate,
  mondayOf,
  timeOf,
  wallClock,
  weekNumber,
  weekTitle,
} from '../base/week';
import { Board, type Draft } from './board';
import { type Column, columnsOf, type Layout, type Outlook, shownInstructors } from './columns';
import { Filters } from './filters';
import { kindOf } from './lessonDialog';
import { Moving } from './moving';

export interface CalendarHost {
  readonly mayMove: () => boolean;
  readonly draft: () => Draft | undefined;
  /** A free spot was chosen. */
  readonly picked: (date: string, time: string, instructorId: string) => void;
  readonly opened: (drawn: DrawnLesson) => void;
  readonly dropped: (
    drawn: DrawnLesson,
    span: Span,
    instructorId: string | undefined,
  ) => Promise<void>;
  /** The filter chose another instructor. */
  readonly filtered: (instructorId: string) => void;
}

const tones = 8;
const minuteMs = 60_000;
const gridMinutes = 15;

/** The calendar page. */
export class CalendarView {
  readonly #client: SchoolClient;
  readonly #host: CalendarHost;
  readonly #filters: Filters;
  readonly #board = new Board();
  readonly #moving: Moving;
  #school: School = emptySchool;
  #lessons: readonly DrawnLesson[] | undefined;
  #layout: Layout = 'week';
  #date: string;
  #load = 0;

  constructor(client: SchoolClient, host: CalendarHost) {
    this.#client = client;
    this.#host = host;
    this.#filters = new Filters((instructorId) => {
      host.filtered(instructorId);
      this.draw();
    });
    this.#date = this.clock.date;
    this.#moving = new Moving(this.#board, {
      mayMove: host.mayMove,
      zoneOf: (drawn, { instructorId }) =>
        branchOf(this.#school, instructorId ?? drawn.lesson.instructorId)?.zone ?? drawn.zone,
      open: host.opened,
      pick: (column, minute) => this.#pick(column, minute),
      drop: host.dropped,
      say,
    });
    onClick('previous', () => this.#turn(-1));
    onClick('today', () => void this.go(this.clock.date));
    onClick('next', () => this.#turn(1));
    onClick('layout-week', () => this.#lay('week'));
    onClick('layout-day', () => {
      const { date } = this.clock;
      this.#date = mondayOf(date) === this.#monday ? date : this.#monday;
      this.#lay('day');
    });
    this.#board.heads.addEventListener('click', ({ target }) => this.#openDay(target));
    window.addEventListener('resize', () => this.draw());
    window.setInterval(() => this.draw(), minuteMs);
  }

  /** Show *school* and the lessons of the week. */
  async show(school: School): Promise<void> {
    const isFirst = this.#school.instructors.length === 0;
    this.#school = school;
    this.#filters.show(school);
    await this.reload();
    if (isFirst) {
      this.#filters.narrow(this.#lessons ?? []);
      this.#host.filtered(this.#filters.instructorId);
      this.draw();
    }
  }

  /** Load the lessons of what is looked at. A failure leaves what is shown; the journal has it. */
  async reload(): Promise<void> {
    this.#load += 1;
    const load = this.#load;
    const lessons = await loadWeek(this.#client, this.#monday).catch(() => undefined);
    if (lessons !== undefined && load === this.#load) {
      this.#lessons = lessons;
      this.draw();
    }
  }

  /** Look at the week, or at the day, of *date*. */
  async go(date: string): Promise<void> {
    const isSameWeek = mondayOf(date) === this.#monday;
    this.#date = date;
    if (!isSameWeek) {
      this.#lessons = undefined;
    }
    this.draw();
    await this.reload();
  }

  /** Pick a lesson up for the arrow keys. */
  pickUp(drawn: DrawnLesson): void {
    this.#moving.pickUp(drawn);
  }

  /** Return a lesson of the week. */
  lesson(id: string): DrawnLesson | undefined {
    return this.#lessons?.find(({ lesson }) => lesson.id === id);
  }

  /** The wall clock of the branch shown, else of the first, else of this computer. */
  get clock(): { readonly date: string; readonly time: string } {
    const { branches } = this.#school;
    const branch = branches.find(({ id }) => id === this.#filters.branchId) ?? branches[0];
    const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    return wallClock(Date.now(), branch?.zone ?? own);
  }

  /** Draw what is looked at. */
  draw(): void {
    const { date, time } = this.clock;
    const outlook = this.#outlook;
    const shown = new Set(shownInstructors(this.#school, outlook).map(({ id }) => id));
    this.#title();
    this.#explainTones();
    this.#board.draw({
      columns: columnsOf(this.#school, outlook),
      outlook: `${outlook.layout} ${outlook.layout === 'week' ? outlook.monday : outlook.date}`,
      today: date,
      time,
      loaded: this.#lessons,
      lessons: (this.#lessons ?? []).filter(({ lesson }) => shown.has(lesson.instructorId)),
      describe: (drawn) => this.#describe(drawn),
      toneOf: (id) => this.#toneOf(id),
      draft: this.#host.draft(),
    });
  }

  get #monday(): string {
    return mondayOf(this.#date);
  }

  get #outlook(): Outlook {
    return {
      layout: this.#layout,
      date: this.#date,
      monday: this.#monday,
      branchId: this.#filters.branchId,
      instructorId: this.#layout === 'week' ? this.#filters.instructorId : '',
    };
  }

  #turn(by: number): void {
    void this.go(addDays(this.#date, by * (this.#layout === 'week' ? 7 : 1)));
  }

  #openDay(target: EventTarget | null): void {
    const link = target instanceof Element ? target.closest('[data-day]') : null;
    if (link instanceof HTMLElement) {
      this.#date = link.dataset['day'] ?? this.#date;
      this.#lay('day');
    }
  }

  #lay(layout: Layout): void {
    this.#layout = layout;
    for (const one of ['week', 'day'] as const) {
      find(`layout-${one}`, HTMLButtonElement).setAttribute('aria-pressed', String(one === layout));
    }
    find('instructor-field', HTMLLabelElement).hidden = layout === 'day';
    this.draw();
  }

  #title(): void {
    const isWeek = this.#layout === 'week';
    const title = isWeek
      ? weekTitle(this.#monday)
      : `${longDate(this.#date)} ${this.#date.slice(0, 4)}`;
    find('week-title', HTMLHeadingElement).textContent = title;
    find('week-number', HTMLSpanElement).textContent = `Week ${weekNumber(this.#monday)}`;
    find('previous', HTMLButtonElement).setAttribute(
      'aria-label',
      isWeek ? 'Previous week' : 'Previous day',
    );
    find('next', HTMLButtonElement).setAttribute('aria-label', isWeek ? 'Next week' : 'Next day');
  }

  #pick({ date, instructorId }: Column, minute: number): void {
    const time = timeOf(Math.floor(minute / gridMinutes) * gridMinutes);
    this.#host.picked(date, time, instructorId ?? this.#filters.instructorId);
  }

  #toneOf(instructorId: string): number {
    return this.#school.instructors.findIndex(({ id }) => id === instructorId) % tones;
  }

  /** Say whose colour is whose, while there are not more than colours. */
  #explainTones(): void {
    const isNeeded = this.#layout === 'week' && this.#filters.instructorId === '';
    const shown = isNeeded ? shownInstructors(this.#school, this.#outlook) : [];
    const items = shown
      .slice(0, tones)
      .map((one) => make('li', { class: `tone-${this.#toneOf(one.id)}` }, nameOf(one)));
    fill(find('legend', HTMLUListElement), ...items);
  }

  #describe({ lesson }: DrawnLesson): {
    readonly instructor: string;
    readonly more: readonly string[];
  } {
    const instructor = this.#school.instructors.find(({ id }) => id === lesson.instructorId);
    const vehicle = this.#school.vehicles.find(({ id }) => id === lesson.vehicleId);
    // With one instructor chosen, or in his column, the name would only repeat what is known.
    const isKnown = this.#layout === 'day' || this.#filters.instructorId !== '';
    return {
      instructor: instructor === undefined || isKnown ? '' : nameOf(instructor),
      more: [lesson.type === 'normal' ? '' : kindOf(lesson.type), vehicle?.plate ?? ''],
    };
  }
}
