/** Draws the week: day heads, hours, lessons in lanes, the line of now. */

import { fill, find, make } from './dom';
import { placeInLanes, type Span } from './lanes';
import type { DrawnLesson } from './school';
import { longDate, minutesOf, timeOf, weekdayOf, weekFrom } from './week';

export interface WeekPicture {
  readonly monday: string;
  readonly lessons: readonly DrawnLesson[];
  /** All lessons of the week that are loaded, filtered out or not; undefined before they are. */
  readonly loaded: readonly DrawnLesson[] | undefined;
  /** The wall clock of the school: what is today and now. */
  readonly today: string;
  readonly time: string;
  readonly describe: (lesson: DrawnLesson) => string;
  readonly toneOf: (instructorId: string) => number;
  readonly draft: Draft | undefined;
}

/** The lesson in the form, shown where it would be. */
export interface Draft {
  readonly date: string;
  readonly time: string;
  readonly minutes: number;
}

interface Block extends Span {
  readonly drawn: DrawnLesson;
}

// Lower rows cannot hold a name and a time for the shortest lesson of 45 minutes.
const minHourPixels = 46;
// In more lanes a name fits only when it runs downwards.
const mostReadableLanes = 3;
// A shorter lesson has room for two lines.
const oneHour = 60;
const earliestHour = 7;
const latestHour = 20;
const snapMinutes = 15;

/** The calendar on the page. */
export class WeekCalendar {
  readonly #heads = find('day-heads', HTMLDivElement);
  readonly #grid = find('grid', HTMLDivElement);
  readonly #scroller = find('scroller', HTMLElement);
  #hourPixels = minHourPixels;
  #drawnMonday = '';
  #known: ReadonlySet<string> | undefined;

  /** Call *choose* with day and start when a free spot is clicked. */
  constructor(choose: (date: string, time: string) => void) {
    this.#grid.addEventListener('click', (event) => {
      const day = event.target instanceof HTMLElement ? event.target : undefined;
      const date = day?.dataset['date'];
      if (day !== undefined && date !== undefined) {
        const minutes = Number(day.dataset['from']) + (event.offsetY / this.#hourPixels) * 60;
        choose(date, timeOf(Math.floor(minutes / snapMinutes) * snapMinutes));
      }
    });
  }

  /** Draw the week anew; lessons that were not there before in the same week light up. */
  draw(picture: WeekPicture): void {
    const isSameWeek = this.#drawnMonday === picture.monday;
    const known = (isSameWeek ? this.#known : undefined) ?? new Set(picture.loaded?.map(idOf));
    const scale = this.#fit(hoursOf(picture));
    const dates = weekFrom(picture.monday);
    fill(this.#heads, make('div'), ...dates.map((date) => drawHead(date, picture)));
    fill(
      this.#grid,
      drawHours(scale),
      ...dates.map((date) => drawDay(date, scale, picture, known)),
    );
    if (!isSameWeek) {
      this.#scroller.scrollTop = (earliestHour - scale.from) * scale.hourPixels;
    }
    this.#drawnMonday = picture.monday;
    this.#known = picture.loaded && new Set(picture.loaded.map(idOf));
  }

  /** Make the usual hours fill the height. */
  #fit([from, to]: readonly [number, number]): Scale {
    const hours = latestHour - earliestHour;
    this.#hourPixels = Math.max(minHourPixels, this.#scroller.clientHeight / hours);
    this.#grid.style.setProperty('--hour', `${this.#hourPixels}px`);
    return { from, to, hourPixels: this.#hourPixels };
  }
}

/** Which hours are drawn and how high. */
interface Scale {
  readonly from: number;
  readonly to: number;
  readonly hourPixels: number;
}

function idOf({ lesson }: DrawnLesson): string {
  return lesson.id;
}

function hoursOf({ lessons }: WeekPicture): readonly [number, number] {
  const starts = lessons.map(({ local }) => Math.floor(minutesOf(local.start.slice(11)) / 60));
  const ends = lessons.map(({ local }) => Math.ceil(endMinute(local) / 60));
  return [Math.min(earliestHour, ...starts), Math.max(latestHour, ...ends)];
}

/** A lesson into the next day is cut at midnight. */
function endMinute(local: DrawnLesson['local']): number {
  const isNextDay = local.end.slice(0, 10) > local.start.slice(0, 10);
  return isNextDay ? 24 * 60 : minutesOf(local.end.slice(11));
}

function drawHead(date: string, { today, lessons }: WeekPicture): HTMLElement {
  const count = lessons.filter(({ local }) => local.start.startsWith(date)).length;
  const attributes = { class: 'day-head', title: longDate(date) };
  return make(
    'div',
    date === today ? { ...attributes, 'aria-current': 'date' } : attributes,
    make('span', { class: 'day-number' }, String(Number(date.slice(8)))),
    make('span', { class: 'day-name' }, weekdayOf(date)),
    make('span', { class: 'day-count', title: 'Lessons' }, count === 0 ? '' : String(count)),
  );
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

function drawDay(
  date: string,
  scale: Scale,
  picture: WeekPicture,
  known: ReadonlySet<string>,
): HTMLElement {
  const blocks = picture.lessons
    .filter(({ local }) => local.start.startsWith(date))
    .map((drawn) => ({
      drawn,
      startMinute: minutesOf(drawn.local.start.slice(11)),
      endMinute: endMinute(drawn.local),
    }));
  const list = make('ul', { 'aria-label': longDate(date) });
  for (const { span, lane, lanes } of placeInLanes<Block>(blocks)) {
    const item = drawLesson(span, picture);
    place(item, span, scale);
    item.style.left = `calc(${(lane / lanes) * 100}% + 2px)`;
    item.style.width = `calc(${100 / lanes}% - 4px)`;
    item.classList.toggle('narrow', lanes > 1 && lanes <= mostReadableLanes);
    item.classList.toggle('tiny', lanes > mostReadableLanes);
    item.classList.toggle('short', span.endMinute - span.startMinute < oneHour);
    item.classList.toggle('fresh', !known.has(span.drawn.lesson.id));
    list.append(item);
  }
  const isWeekend = date >= (weekFrom(picture.monday)[5] ?? '');
  const day = make('div', {
    class: isWeekend ? 'day weekend' : 'day',
    'data-date': date,
    'data-from': String(scale.from * 60),
  });
  day.style.height = `${(scale.to - scale.from) * scale.hourPixels}px`;
  day.append(list, ...drawDraft(date, scale, picture), ...drawNow(date, scale, picture));
  return day;
}

function drawLesson({ drawn }: Block, { describe, toneOf }: WeekPicture): HTMLElement {
  const { lesson, local } = drawn;
  const more = describe(drawn);
  const [start, end] = [local.start.slice(11), local.end.slice(11)];
  return make(
    'li',
    {
      class: `lesson tone-${toneOf(lesson.instructorId)}`,
      title: `${start} – ${end}  ${lesson.studentName}\n${more}`,
      'data-lesson': lesson.id,
    },
    make('span', { class: 'lesson-student' }, lesson.studentName),
    make('span', { class: 'lesson-time' }, start, make('span', { class: 'end' }, ` – ${end}`)),
    make('span', { class: 'lesson-more' }, more),
  );
}

function drawDraft(date: string, scale: Scale, { draft }: WeekPicture): readonly HTMLElement[] {
  if (draft === undefined || draft.date !== date || draft.time === '') {
    return [];
  }
  const startMinute = minutesOf(draft.time);
  const endMinutes = startMinute + draft.minutes;
  const element = make(
    'div',
    { class: 'draft', 'aria-hidden': 'true' },
    make('span', {}, `${draft.time} – ${timeOf(endMinutes)}`),
  );
  place(element, { startMinute, endMinute: endMinutes }, scale);
  return [element];
}

function drawNow(date: string, scale: Scale, picture: WeekPicture): readonly HTMLElement[] {
  const minutes = minutesOf(picture.time) - scale.from * 60;
  if (date !== picture.today || minutes < 0 || minutes > (scale.to - scale.from) * 60) {
    return [];
  }
  const line = make('div', { class: 'now', 'aria-hidden': 'true' });
  line.style.top = `${(minutes / 60) * scale.hourPixels}px`;
  return [line];
}

function place(element: HTMLElement, span: Span, { from, hourPixels }: Scale): void {
  element.style.top = `${(span.startMinute / 60 - from) * hourPixels + 1}px`;
  element.style.height = `${((span.endMinute - span.startMinute) / 60) * hourPixels - 2}px`;
}
