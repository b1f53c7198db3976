/** The window: loads the school, shows the week, follows what happens. */

import { type BridgeStatus, createClient, type SchoolPort } from '../../src/renderer';
import { BookingForm } from './bookingForm';
import { WeekCalendar } from './calendar';
import { fill, find, make, offer } from './dom';
import { hideNotice, showEmptySchool, showFailure, showState } from './notices';
import { type DrawnLesson, loadSchool, loadWeek, nameOf, type School } from './school';
import { addDays, mondayOf, timeOf, wallClock, weekNumber, weekTitle } from './week';

declare global {
  interface Window {
    readonly school: SchoolPort;
  }
}

const tones = 8;
// With more instructors side by side nobody can read a name any more.
const mostInstructorsAtOnce = 4;
const minuteMs = 60_000;

class App {
  readonly #client = createClient(window.school);
  readonly #branch = find('branch-filter', HTMLSelectElement);
  readonly #instructor = find('instructor-filter', HTMLSelectElement);
  readonly #calendar = new WeekCalendar((date, time) => this.#form.choose(date, time));
  readonly #form = new BookingForm(this.#client, {
    moved: () => this.#draw(),
    booked: (date) => this.#go(mondayOf(date)),
    studentOf: (lessonId) =>
      this.#lessons?.find(({ lesson }) => lesson.id === lessonId)?.lesson.studentName,
  });
  #school: School = { branches: [], instructors: [], vehicles: [], hasStudents: false };
  #lessons: readonly DrawnLesson[] | undefined;
  #monday = mondayOf(this.#clock().date);
  #load = 0;
  #isReloadQueued = false;

  start(): void {
    this.#client.receive('event', () => this.#reloadSoon());
    this.#on('previous-week', () => this.#go(addDays(this.#monday, -7)));
    this.#on('this-week', () => this.#go(mondayOf(this.#clock().date)));
    this.#on('next-week', () => this.#go(addDays(this.#monday, 7)));
    this.#branch.addEventListener('change', () => {
      this.#offerInstructors();
      this.#go(this.#monday);
    });
    this.#instructor.addEventListener('change', () => {
      this.#form.show(this.#school, this.#instructor.value);
      this.#draw();
    });
    window.addEventListener('resize', () => this.#draw());
    window.setInterval(() => this.#draw(), minuteMs);
    this.#draw();
    this.#client.onStatus((status) => this.#follow(status));
  }

  #on(id: string, act: () => void): void {
    find(id, HTMLButtonElement).addEventListener('click', act);
  }

  #follow(status: BridgeStatus): void {
    showState(status);
    this.#form.enable(status.state === 'ready');
    if (status.state === 'ready') {
      void this.#open();
    } else if (status.state === 'failed') {
      this.#form.close(true);
      showFailure(status, () => void this.#client.sendCustom('app.retry', {}));
    }
  }

  async #open(): Promise<void> {
    this.#school = await loadSchool(this.#client);
    hideNotice();
    this.#form.close(!this.#school.hasStudents);
    if (!this.#school.hasStudents) {
      const about = await this.#client.sendCustom('app.about', {});
      showEmptySchool(textOf(about, 'seedCommand'));
    }
    const branches = this.#school.branches.map(({ id, name }) => ({ value: id, label: name }));
    offer(this.#branch, [{ value: '', label: 'All branches' }, ...branches]);
    const isFirst = this.#instructor.options.length === 0;
    this.#offerInstructors();
    this.#proposeStart();
    await this.#reload();
    if (isFirst && this.#school.instructors.length > mostInstructorsAtOnce) {
      this.#instructor.value = this.#busiest();
      this.#form.show(this.#school, this.#instructor.value);
      this.#draw();
    }
  }

  #offerInstructors(): void {
    const branchId = this.#branch.value;
    const instructors = this.#school.instructors.filter(
      (instructor) => branchId === '' || instructor.branchId === branchId,
    );
    offer(this.#instructor, [
      { value: '', label: 'All instructors' },
      ...instructors.map((instructor) => ({ value: instructor.id, label: nameOf(instructor) })),
    ]);
    this.#form.show(this.#school, this.#instructor.value);
  }

  #go(monday: string): void {
    const isNew = monday !== this.#monday;
    this.#monday = monday;
    if (isNew) {
      this.#lessons = undefined;
      this.#draw();
    }
    void this.#reload();
  }

  /** Many events in one turn are one reason to load. */
  #reloadSoon(): void {
    if (this.#isReloadQueued) {
      return;
    }
    this.#isReloadQueued = true;
    window.requestAnimationFrame(() => {
      this.#isReloadQueued = false;
      const isEmpty = !this.#school.hasStudents || this.#school.instructors.length === 0;
      void (isEmpty ? this.#open() : this.#reload());
    });
  }

  async #reload(): Promise<void> {
    this.#load += 1;
    const load = this.#load;
    const lessons = await loadWeek(this.#client, this.#monday, this.#branch.value).catch(
      () => undefined,
    );
    if (lessons !== undefined && load === this.#load) {
      this.#lessons = lessons;
      this.#draw();
    }
  }

  #draw(): void {
    const instructorId = this.#instructor.value;
    const { date, time } = this.#clock();
    find('week-title', HTMLHeadingElement).textContent = weekTitle(this.#monday);
    find('week-number', HTMLSpanElement).textContent = `Week ${weekNumber(this.#monday)}`;
    this.#explainTones();
    this.#calendar.draw({
      monday: this.#monday,
      today: date,
      time,
      loaded: this.#lessons,
      lessons: (this.#lessons ?? []).filter(
        ({ lesson }) => instructorId === '' || lesson.instructorId === instructorId,
      ),
      describe: (drawn) => this.#describe(drawn),
      toneOf: (id) => this.#toneOf(id),
      draft: this.#form.draft,
    });
  }

  /** The instructor with the most lessons of the week, to begin with. */
  #busiest(): string {
    const counts = new Map(this.#school.instructors.map(({ id }) => [id, 0]));
    for (const { lesson } of this.#lessons ?? []) {
      counts.set(lesson.instructorId, (counts.get(lesson.instructorId) ?? 0) + 1);
    }
    const [first] = [...counts].sort(([, one], [, other]) => other - one);
    return first?.[0] ?? '';
  }

  #toneOf(instructorId: string): number {
    return this.#school.instructors.findIndex(({ id }) => id === instructorId) % tones;
  }

  /** Say whose colour is whose, while there are not more than colours. */
  #explainTones(): void {
    const shown = this.#instructor.value === '' ? this.#school.instructors : [];
    const items = shown
      .slice(0, tones)
      .map((one) => make('li', { class: `tone-${this.#toneOf(one.id)}` }, nameOf(one)));
    fill(find('legend', HTMLUListElement), ...items);
  }

  #describe({ lesson }: DrawnLesson): string {
    const instructor = this.#school.instructors.find(({ id }) => id === lesson.instructorId);
    const vehicle = this.#school.vehicles.find(({ id }) => id === lesson.vehicleId);
    const isPlain = lesson.type === 'normal';
    return [
      isPlain ? undefined : lesson.type.replace('_', ' '),
      // With one instructor chosen the name would only repeat the filter.
      instructor === undefined || this.#instructor.value !== '' ? undefined : nameOf(instructor),
      vehicle?.plate,
    ]
      .filter((part) => part !== undefined)
      .join(' · ');
  }

  /** The wall clock of the branch shown, else of the first, else of this computer. */
  #clock(): { readonly date: string; readonly time: string } {
    const branch =
      this.#school.branches.find(({ id }) => id === this.#branch.value) ?? this.#school.branches[0];
    const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    return wallClock(Date.now(), branch?.zone ?? own);
  }

  /** Start the form with the next full hour, or tomorrow morning, but change no choice. */
  #proposeStart(): void {
    if (find('date', HTMLInputElement).value !== '') {
      return;
    }
    const { date, time } = this.#clock();
    const hour = Number(time.slice(0, 2)) + 1;
    const isToday = hour >= 7 && hour < 19;
    this.#form.propose(isToday ? date : addDays(date, 1), isToday ? timeOf(hour * 60) : '09:00');
  }
}

function textOf(value: unknown, name: string): string {
  return typeof value === 'object' && value !== null ? String(Reflect.get(value, name)) : '';
}

new App().start();
