/** What the windows of the desk may use and hear. */

import type { Channel, EventType } from '../../src/main';

/** What any window may: find out who it is, sign in, and look at the week. */
const boardChannels = [
  'auth.bootstrap',
  'auth.login',
  'auth.logout',
  'auth.me',
  'branches.list',
  'calendar.view',
  'instructors.list',
  'vehicles.list',
] as const satisfies readonly Channel[];

/** What the desk passes on to the backend beside those that sign in and out. */
export const passedOn = [
  'auth.me',
  'branches.list',
  'branches.save',
  'calendar.view',
  'instructors.list',
  'instructors.save',
  'lessons.book',
  'lessons.cancel',
  'lessons.get',
  'lessons.list',
  'lessons.reschedule',
  'lessons.searchSlots',
  'sessions.list',
  'sessions.revoke',
  'students.create',
  'students.list',
  'vehicles.list',
  'vehicles.save',
] as const satisfies readonly Channel[];

/** What the app itself answers to any window, and what to a desk alone. */
const appChannels = ['app.about', 'app.diagnostics', 'app.retry'];
const deskChannels = ['app.openWindow'];

/** A desk may everything that is registered; a board hangs on the wall and only shows. */
export type WindowKind = 'desk' | 'board';

/** What a board hears of: it draws the week anew then, and knows who may look at it. */
const boardEvents = [
  'auth.login_succeeded',
  'instructors.saved',
  'lessons.booked',
  'lessons.cancelled',
  'lessons.rescheduled',
  'vehicles.saved',
] as const satisfies readonly EventType[];

/** Return what a window of *kind* may use and hear. */
export function rightsOf(kind: WindowKind): {
  readonly channels: readonly string[];
  readonly events: readonly string[] | 'all';
} {
  return kind === 'board'
    ? { channels: [...appChannels, ...boardChannels], events: boardEvents }
    : { channels: [...appChannels, ...boardChannels, ...passedOn, ...deskChannels], events: 'all' };
}
