/** The window: puts the parts together, and follows the backend and what happens in the school. */

import {
  BackendError,
  type BackendEvent,
  type BridgeStatus,
  createClient,
} from '../../src/renderer';
import { find, onClick } from './base/dom';
import { markKeyboardUse } from './base/keyboard';
import { emptySchool, loadSchool, type School } from './base/school';
import type { Span } from './base/spans';
import { pin } from './base/toasts';
import { addDays, timeOf } from './base/week';
import { BookingForm } from './booking/form';
import { drawRefusal } from './booking/refusal';
import { LessonDialog } from './calendar/lessonDialog';
import { Rescheduling } from './calendar/reschedule';
import { CalendarView } from './calendar/view';
import { Journal } from './problems/journal';
import { ProblemPanel } from './problems/panel';
import { Account } from './session/account';
import { AccountMenu } from './session/accountMenu';
import { guard } from './session/guard';
import { holds, mayUse, readAbout } from './session/rights';
import { SignInDialog } from './session/signInDialog';
import { drawSetUp } from './setup/setUp';
import { showEvent, showState, showUnseen } from './status/bar';
import { hideNotice, showEmptySchool, showFailure, showStarting } from './status/notices';
import { Enrolment } from './students/enrolment';
import { StudentView } from './students/view';
import { openPort } from './transport';

class Desk {
  readonly #bare = createClient(openPort());
  readonly #journal = new Journal(() => this.#noted());
  readonly #problems = new ProblemPanel(this.#bare, this.#journal);
  readonly #account = new Account(this.#bare, new SignInDialog(this.#bare), (me) =>
    this.#menu.show(me, mayUse(this.#about, 'app.openWindow')),
  );
  readonly #client = guard(this.#bare, {
    signIn: (symbol) => this.#account.signIn(symbol),
    failed: (channel, error) => this.#journal.note(channel, error, Date.now()),
  });
  readonly #menu = new AccountMenu({
    signOut: () => void this.#account.signOut(),
    protect: () => void this.#account.welcome(),
    openWindow: (kind) => void this.#client.sendCustom('app.openWindow', { kind }),
  });
  readonly #form = new BookingForm(this.#client, {
    moved: () => this.#calendar.draw(),
    booked: (date) => void this.#calendar.go(date),
    studentOf: (lessonId) => this.#studentOf(lessonId),
  });
  readonly #calendar: CalendarView = new CalendarView(this.#client, {
    mayMove: () => holds(this.#account.me, 'lessons:cancel'),
    draft: () => this.#form.draft,
    picked: (date, time, instructorId) => this.#form.choose(date, time, instructorId),
    opened: (drawn) => this.#lesson.open(drawn),
    dropped: (drawn, span, instructorId) => this.#moves.move(drawn, span, instructorId),
    filtered: (instructorId) => this.#form.show(this.#school, instructorId),
  });
  readonly #moves = new Rescheduling(this.#client, {
    moved: () => this.#calendar.reload(),
    refused: (error, zone, again) => this.#refused(error, 'The lesson was not moved', zone, again),
  });
  readonly #lesson = new LessonDialog(this.#client, {
    school: () => this.#school,
    mayMove: () => holds(this.#account.me, 'lessons:cancel'),
    mayCancel: () => holds(this.#account.me, 'lessons:cancel'),
    pickUp: (drawn) => this.#calendar.pickUp(drawn),
    refused: (error, title, zone) => this.#refused(error, title, zone),
  });
  readonly #enrolment = new Enrolment(this.#client, (student) => this.#students.show(student));
  readonly #students: StudentView = new StudentView(this.#client, {
    school: () => this.#school,
    bookFor: (student) => {
      this.#turnTo('calendar');
      this.#form.chooseStudent(student);
    },
    show: (lesson) => {
      this.#turnTo('calendar');
      void this.#calendar.go(lesson.local.start.slice(0, 10));
    },
  });
  #about = readAbout(undefined);
  #school: School = emptySchool;
  #isReloadQueued = false;
  #isOpening = false;

  start(): void {
    markKeyboardUse(document);
    onClick('open-problems', () => this.#problems.open());
    onClick('new-student', () => this.#enrolment.open(this.#school));
    onClick('to-calendar', () => this.#turnTo('calendar'));
    onClick('to-students', () => this.#turnTo('students'));
    window.addEventListener('unhandledrejection', ({ reason }) =>
      this.#journal.note('this window', reason, Date.now()),
    );
    this.#client.receive('event', (event) => this.#heard(event));
    this.#calendar.draw();
    showStarting();
    this.#client.onStatus((status) => void this.#follow(status));
  }

  async #follow(status: BridgeStatus): Promise<void> {
    showState(status);
    this.#form.enable(status.state === 'ready' || status.state === 'degraded');
    if (status.state === 'ready') {
      await this.#open();
    } else if (status.state === 'backoff') {
      this.#journal.note('the backend', new BackendError(status.reason), Date.now());
    } else if (status.state === 'failed') {
      this.#journal.note('the backend', new BackendError(status.reason), Date.now());
      find('book-fields', HTMLFieldSetElement).disabled = true;
      const retry = (): void => void this.#client.sendCustom('app.retry', {});
      showFailure(status, retry, () => this.#problems.open());
    }
  }

  /** Find out who is here and show the school. */
  async #open(): Promise<void> {
    // Another start may come while the first one still waits for somebody to sign in.
    if (this.#isOpening) {
      return;
    }
    this.#isOpening = true;
    try {
      await this.#load();
    } catch (error) {
      this.#journal.note('opening', error, Date.now());
    } finally {
      this.#isOpening = false;
    }
  }

  async #load(): Promise<void> {
    this.#about = readAbout(await this.#bare.sendCustom('app.about', {}).catch(() => undefined));
    this.#showRights();
    const me = await this.#account.open();
    this.#school = await loadSchool(this.#client);
    const isEmpty = this.#school.instructors.length === 0;
    if (me.isLocal && isEmpty && this.#about.kind === 'desk') {
      await this.#account.welcome();
    }
    hideNotice();
    find('book-fields', HTMLFieldSetElement).disabled = isEmpty;
    if (isEmpty) {
      const setUp = drawSetUp(this.#client, this.#school, () => void this.#open());
      showEmptySchool(setUp, this.#about.seedCommand);
    }
    this.#form.show(this.#school, '');
    this.#proposeStart();
    await this.#calendar.show(this.#school);
    this.#refreshSlots();
  }

  /** A window that hangs on the wall shows the week and why it offers no more. */
  #showRights(): void {
    const isBoard = !mayUse(this.#about, 'lessons.book');
    find('book-form', HTMLFormElement).hidden = isBoard;
    find('view-only', HTMLDivElement).hidden = !isBoard;
    find('to-students', HTMLButtonElement).hidden = !mayUse(this.#about, 'students.list');
  }

  #heard(event: BackendEvent): void {
    showEvent(event);
    if (event.type.startsWith('auth.')) {
      void this.#account.recheck();
      return;
    }
    // Many events in one turn are one reason to load.
    if (this.#isReloadQueued) {
      return;
    }
    this.#isReloadQueued = true;
    window.requestAnimationFrame(() => {
      this.#isReloadQueued = false;
      const isAboutLessons = event.type.startsWith('lessons.');
      void (isAboutLessons ? this.#calendar.reload() : this.#open());
      this.#refreshSlots();
    });
  }

  #refreshSlots(): void {
    if (mayUse(this.#about, 'lessons.searchSlots')) {
      this.#form.refreshSlots();
    }
  }

  #noted(): void {
    showUnseen(this.#journal.unseen);
    this.#problems.redraw();
  }

  #turnTo(page: 'calendar' | 'students'): void {
    for (const one of ['calendar', 'students'] as const) {
      const isShown = one === page;
      find(`${one}-page`, HTMLElement).hidden = !isShown;
      const tab = find(`to-${one}`, HTMLButtonElement);
      tab.setAttribute('aria-current', isShown ? 'page' : 'false');
    }
    if (page === 'students') {
      this.#students.open();
    } else {
      this.#calendar.draw();
    }
  }

  #studentOf(lessonId: string): string | undefined {
    return this.#calendar.lesson(lessonId)?.lesson.studentName;
  }

  #refused(error: unknown, title: string, zone: string, again?: (span: Span) => void): void {
    const context = {
      title,
      zone,
      studentOf: (lessonId: string) => this.#studentOf(lessonId),
      offer: 'Free instead – click to move there',
      choose: (span: Span) => again?.(span),
    };
    pin(drawRefusal(error, context));
  }

  /** Start the form with the next full hour, or tomorrow morning, but change no choice. */
  #proposeStart(): void {
    const { date, time } = this.#calendar.clock;
    const hour = Number(time.slice(0, 2)) + 1;
    const isToday = hour >= 7 && hour < 19;
    this.#form.propose(isToday ? date : addDays(date, 1), isToday ? timeOf(hour * 60) : '09:00');
  }
}

new Desk().start();
