/** Which hours are drawn and how high; knows no DOM. */

import type { DrawnLesson } from '../base/school';
import { minutesOf } from '../base/week';
import type { Span } from './lanes';

// Lower rows cannot hold a name and a time for the shortest lesson of 45 minutes.
const minHourPixels = 46;
export const earliestHour = 7;
const latestHour = 20;

export interface Scale {
  /** The first and the last hour. */
  readonly from: number;
  readonly to: number;
  readonly hourPixels: number;
}

/** Show at least the usual hours, so high that these fill *heightPixels*. */
export function fitScale(lessons: readonly DrawnLesson[], heightPixels: number): Scale {
  const spans = lessons.map(minutesOfLesson);
  return {
    from: Math.min(earliestHour, ...spans.map(({ startMinute }) => Math.floor(startMinute / 60))),
    to: Math.max(latestHour, ...spans.map(({ endMinute }) => Math.ceil(endMinute / 60))),
    hourPixels: Math.max(minHourPixels, heightPixels / (latestHour - earliestHour)),
  };
}

/** Return where *minute* of a day is, in pixels from the top of the grid. */
export function pixelsOf(minute: number, { from, hourPixels }: Scale): number {
  return (minute / 60 - from) * hourPixels;
}

/** Return the minute of the day at so many pixels from the top of the grid. */
export function minuteAt(pixels: number, { from, hourPixels }: Scale): number {
  return (pixels / hourPixels + from) * 60;
}

/** Return the minutes of the day that a lesson takes; one into the next day is cut at midnight. */
export function minutesOfLesson({ local }: DrawnLesson): Span {
  const isNextDay = local.end.slice(0, 10) > local.start.slice(0, 10);
  return {
    startMinute: minutesOf(local.start.slice(11)),
    endMinute: isNextDay ? 24 * 60 : minutesOf(local.end.slice(11)),
  };
}
