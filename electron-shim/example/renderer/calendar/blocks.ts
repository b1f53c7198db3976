/** Draws what stands in a column: lessons, the draft of the form, the line of now. */

import { make } from '../base/dom';
import type { DrawnLesson } from '../base/school';
import { minutesOf, timeOf } from '../base/week';
import type { BoardPicture } from './board';
import type { Column } from './columns';
import type { Placed, Span } from './lanes';
import { minutesOfLesson, pixelsOf, type Scale } from './scale';

export interface Block extends Span {
  readonly drawn: DrawnLesson;
}

// In more lanes a name fits only when it runs downwards.
const mostReadableLanes = 3;
// A shorter lesson has room for two lines.
const oneHour = 60;

/** Return *drawn* with the minutes that it takes. */
export function blockOf(drawn: DrawnLesson): Block {
  return { drawn, ...minutesOfLesson(drawn) };
}

/** Draw a lesson in its lane. */
export function drawLesson(
  { span, lane, lanes }: Placed<Block>,
  picture: BoardPicture,
  scale: Scale,
): HTMLElement {
  const { lesson, local } = span.drawn;
  const { instructor, more } = picture.describe(span.drawn);
  const [start, end] = [local.start.slice(11), local.end.slice(11)];
  const shown = [instructor, ...more].filter((part) => part !== '').join(' · ');
  const button = make(
    'button',
    {
      type: 'button',
      class: `lesson tone-${picture.toneOf(lesson.instructorId)}`,
      title: `${start} – ${end}  ${lesson.studentName}\n${shown}`,
      'aria-label': `${lesson.studentName}, ${start} to ${end}, ${shown}`,
      'aria-describedby': 'lesson-keys',
      'data-lesson': lesson.id,
      tabindex: '-1',
    },
    make('span', { class: 'lesson-student' }, lesson.studentName),
    make('span', { class: 'lesson-time' }, start, make('span', { class: 'end' }, ` – ${end}`)),
    make('span', { class: 'lesson-more' }, shown),
  );
  button.classList.toggle('narrow', lanes > 1 && lanes <= mostReadableLanes);
  button.classList.toggle('tiny', lanes > mostReadableLanes);
  button.classList.toggle('short', span.endMinute - span.startMinute < oneHour);
  const item = make('li', { class: 'slot' }, button);
  stretch(item, span, scale);
  item.style.left = `calc(${(lane / lanes) * 100}% + 2px)`;
  item.style.width = `calc(${100 / lanes}% - 4px)`;
  return item;
}

/** Draw where the lesson in the form would be. */
export function drawDraft(
  { date, instructorId }: Column,
  { draft }: BoardPicture,
  scale: Scale,
): readonly HTMLElement[] {
  const isHere =
    draft !== undefined &&
    draft.date === date &&
    draft.time !== '' &&
    (instructorId === undefined || instructorId === draft.instructorId);
  return isHere ? [drawFrame('draft', minutesOf(draft.time), draft.minutes, scale)] : [];
}

/** Draw an empty frame with its times in the corner. */
export function drawFrame(
  kind: 'draft' | 'ghost',
  startMinute: number,
  minutes: number,
  scale: Scale,
  texts: readonly string[] = [
    `${timeOf(startMinute)} – ${timeOf((startMinute + minutes) % (24 * 60))}`,
  ],
): HTMLElement {
  const frame = make(
    'div',
    { class: kind, 'aria-hidden': 'true' },
    ...texts.map((text) => make('span', {}, text)),
  );
  stretch(frame, { startMinute, endMinute: startMinute + minutes }, scale);
  return frame;
}

/** Draw the line of now. */
export function drawNow(
  { date }: Column,
  { today, time }: BoardPicture,
  scale: Scale,
): readonly HTMLElement[] {
  const minute = minutesOf(time);
  if (date !== today || minute < scale.from * 60 || minute > scale.to * 60) {
    return [];
  }
  const line = make('div', { class: 'now', 'aria-hidden': 'true' });
  line.style.top = `${pixelsOf(minute, scale)}px`;
  return [line];
}

function stretch(element: HTMLElement, span: Span, scale: Scale): void {
  const top = pixelsOf(span.startMinute, scale);
  element.style.top = `${top + 1}px`;
  element.style.height = `${pixelsOf(span.endMinute, scale) - top - 2}px`;
}
