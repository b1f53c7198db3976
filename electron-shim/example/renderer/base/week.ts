/** Days, weeks and time zones; knows no DOM. Civil dates are `YYYY-MM-DD`, times `HH:MM`. */

const dayMs = 86_400_000;

/** Return the civil date *days* after *date*. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00Z`) + days * dayMs).toISOString().slice(0, 10);
}

/** Return the Monday of the week of *date* (ISO 8601 weeks). */
export function mondayOf(date: string): string {
  const sundayFirst = new Date(`${date}T00:00Z`).getUTCDay();
  return addDays(date, -((sundayFirst + 6) % 7));
}

/** Return the seven dates from *monday* on. */
export function weekFrom(monday: string): readonly string[] {
  return [0, 1, 2, 3, 4, 5, 6].map((days) => addDays(monday, days));
}

/** Return the ISO 8601 number of the week that starts on *monday*. */
export function weekNumber(monday: string): number {
  const thursday = addDays(monday, 3);
  const days =
    (Date.parse(`${thursday}T00:00Z`) - Date.parse(`${thursday.slice(0, 4)}-01-01T00:00Z`)) / dayMs;
  return Math.floor(days / 7) + 1;
}

/** Return date and time of *instantMs* on the wall clock of *zone*. */
export function wallClock(
  instantMs: number,
  zone: string,
): { readonly date: string; readonly time: string } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const parts = new Map(format.formatToParts(instantMs).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  return {
    date: `${part('year')}-${part('month')}-${part('day')}`,
    time: `${part('hour')}:${part('minute')}`,
  };
}

/**
 * Return the instant of a wall-clock time in *zone*, as RFC 3339 in UTC.
 *
 * A time that the clocks skip becomes the one as long after the change; of a doubled one the
 * first is taken.
 */
export function instantOf(date: string, time: string, zone: string): string {
  const wantedMs = Date.parse(`${date}T${time}Z`);
  const offsetMs = (instantMs: number): number => {
    const clock = wallClock(instantMs, zone);
    return Date.parse(`${clock.date}T${clock.time}Z`) - instantMs;
  };
  // The offset a day before is the one that rules until a change, which the second look sees.
  const early = wantedMs - offsetMs(wantedMs - dayMs);
  const exact = wallClock(early, zone);
  const fits = `${exact.date}T${exact.time}` === `${date}T${time}`;
  const late = wantedMs - offsetMs(wantedMs + dayMs);
  const atMs = fits || !isWallClock(late, date, time, zone) ? early : late;
  return `${new Date(atMs).toISOString().slice(0, 16)}:00Z`;
}

function isWallClock(instantMs: number, date: string, time: string, zone: string): boolean {
  const clock = wallClock(instantMs, zone);
  return clock.date === date && clock.time === time;
}

/** Return the minutes after midnight of *time*. */
export function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

/** Return the time *minutes* after midnight. */
export function timeOf(minutes: number): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function formatDate(date: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(
    Date.parse(`${date}T00:00Z`),
  );
}

/** Write a date such as `Tue 24 Nov`. */
export function shortDate(date: string): string {
  return `${weekdayOf(date)} ${formatDate(date, { day: 'numeric', month: 'short' })}`;
}

/** Write a weekday such as `Tue`. */
export function weekdayOf(date: string): string {
  return formatDate(date, { weekday: 'short' });
}

/** Write a date such as `Tuesday 24 November`. */
export function longDate(date: string): string {
  return formatDate(date, { weekday: 'long', day: 'numeric', month: 'long' });
}

/** Write a date such as `24 November 2026`. */
export function dayMonthYear(date: string): string {
  return formatDate(date, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** Write a week such as `23 – 29 November 2026`. */
export function weekTitle(monday: string): string {
  const sunday = addDays(monday, 6);
  const to = formatDate(sunday, { day: 'numeric', month: 'long', year: 'numeric' });
  const from = formatDate(
    monday,
    monday.slice(0, 7) === sunday.slice(0, 7)
      ? { day: 'numeric' }
      : { day: 'numeric', month: 'long' },
  );
  return `${from} – ${to}`;
}
