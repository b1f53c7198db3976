/** What stands side by side in the calendar: the days of a week, or the instructors of a day; no DOM. */

import { type DrawnLesson, nameOf, type School } from '../base/school';
import { shortDate, weekdayOf, weekFrom } from '../base/week';

/** A week of days, or one day by instructor. */
export type Layout = 'week' | 'day';

export interface Column {
  readonly date: string;
  /** Whose column it is; none in a week, where a day belongs to all that are shown. */
  readonly instructorId: string | undefined;
  /** Large and small in the head, and both in full for who cannot see it. */
  readonly title: string;
  readonly subtitle: string;
  readonly label: string;
}

/** What is looked at. */
export interface Outlook {
  readonly layout: Layout;
  readonly date: string;
  readonly monday: string;
  readonly branchId: string;
  readonly instructorId: string;
}

/** Return the instructors that the filters leave. */
export function shownInstructors(school: School, outlook: Outlook): School['instructors'] {
  const { branchId, instructorId } = outlook;
  return school.instructors.filter(
    (instructor) =>
      (branchId === '' || instructor.branchId === branchId) &&
      (instructorId === '' || instructor.id === instructorId),
  );
}

/** Lay out the columns. */
export function columnsOf(school: School, outlook: Outlook): readonly Column[] {
  if (outlook.layout === 'week') {
    return weekFrom(outlook.monday).map((date) => ({
      date,
      instructorId: undefined,
      title: String(Number(date.slice(8))),
      subtitle: weekdayOf(date),
      label: shortDate(date),
    }));
  }
  return shownInstructors(school, outlook).map((instructor) => ({
    date: outlook.date,
    instructorId: instructor.id,
    title: instructor.givenName,
    subtitle: instructor.familyName,
    label: `${nameOf(instructor)}, ${shortDate(outlook.date)}`,
  }));
}

/** Tell whether *drawn* stands in *column*. */
export function isIn({ date, instructorId }: Column, { lesson, local }: DrawnLesson): boolean {
  return (
    local.start.slice(0, 10) === date &&
    (instructorId === undefined || instructorId === lesson.instructorId)
  );
}
