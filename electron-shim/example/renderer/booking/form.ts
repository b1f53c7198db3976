/** The form "Book a lesson". */

import {
  BackendError,
  type Branch,
  type LessonType,
  type SchoolClient,
  type Student,
} from '../../../src/renderer';
import { sendOnce } from '../base/commands';
import { fill, find, make, offer } from '../base/dom';
import { branchOf, carOf, emptySchool, nameOf, type School } from '../base/school';
import { writeSpan } from '../base/spans';
import { instantOf, wallClock } from '../base/week';
import type { Draft } from '../calendar/board';
import { drawRefusal } from './refusal';
import { type ChosenSlot, FreeSlots } from './slots';
import { startOfSearch } from './spread';
import { StudentPicker } from './studentPicker';

export interface BookingHost {
  /** The draft has moved: the calendar shows it elsewhere. */
  readonly moved: () => void;
  readonly booked: (date: string) => void;
  readonly studentOf: (lessonId: string) => string | undefined;
}

/** The form and its outcome. */
export class BookingForm {
  readonly #client: SchoolClient;
  readonly #host: BookingHost;
  readonly #student: StudentPicker;
  readonly #slots: FreeSlots;
  readonly #form = find('book-form', HTMLFormElement);
  readonly #instructor = find('instructor', HTMLSelectElement);
  readonly #vehicle = find('vehicle', HTMLSelectElement);
  readonly #date = find('date', HTMLInputElement);
  readonly #time = find('time', HTMLInputElement);
  readonly #type = find('type', HTMLSelectElement);
  readonly #button = find('book', HTMLButtonElement);
  readonly #outcome = find('outcome', HTMLDivElement);
  #school: School = emptySchool;
  #isSending = false;
  #isEnabled = false;
  /** The draft is shown from the first choice on until it is booked. */
  #isDrafting = false;

  constructor(client: SchoolClient, host: BookingHost) {
    this.#client = client;
    this.#host = host;
    this.#student = new StudentPicker(client, () => this.#changed());
    this.#slots = new FreeSlots(client, (slot) => this.#take(slot));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#form.addEventListener('change', () => this.#changed());
    this.#instructor.addEventListener('change', () => this.#offerVehicles());
  }

  /** Offer what *school* has. */
  show(school: School, instructorId: string): void {
    this.#school = school;
    offer(this.#instructor, [
      { value: '', label: 'Anybody who is free' },
      ...school.instructors.map((instructor) => ({
        value: instructor.id,
        label: nameOf(instructor),
      })),
    ]);
    if (instructorId !== '') {
      this.#instructor.value = instructorId;
    }
    this.#offerVehicles();
  }

  /** Propose day and start, to begin with. */
  propose(date: string, time: string): void {
    if (this.#date.value === '') {
      this.#date.value = date;
      this.#time.value = time;
    }
  }

  /** Choose day and start, and perhaps the instructor. */
  choose(date: string, time: string, instructorId = ''): void {
    this.#date.value = date;
    this.#time.value = time;
    if (instructorId !== '' && instructorId !== this.#instructor.value) {
      this.#instructor.value = instructorId;
      this.#offerVehicles();
    }
    this.#changed();
  }

  /** Book for *student*. */
  chooseStudent(student: Student): void {
    this.#student.choose(student);
  }

  get draft(): Draft | undefined {
    return this.#isDrafting
      ? {
          date: this.#date.value,
          time: this.#time.value,
          minutes: this.#minutes,
          instructorId: this.#instructor.value,
        }
      : undefined;
  }

  /** Let lessons be booked, or not while nobody would answer. */
  enable(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#showButton();
  }

  /** Look again what is free: somebody booked or moved something. */
  refreshSlots(): void {
    this.#slots.follow(this.#wish(), this.#school);
  }

  #showButton(): void {
    this.#button.disabled = this.#isSending || !this.#isEnabled;
    this.#button.textContent = this.#isSending ? 'Booking …' : 'Book lesson';
  }

  #changed(): void {
    this.#isDrafting = true;
    this.#host.moved();
    this.refreshSlots();
  }

  get #minutes(): number {
    return Number(new FormData(this.#form).get('duration'));
  }

  get #branch(): Branch | undefined {
    return branchOf(this.#school, this.#instructor.value) ?? this.#school.branches[0];
  }

  #offerVehicles(): void {
    // Only then is no vehicle no choice of anybody.
    const hadNone = this.#vehicle.options.length <= 1;
    const branchId = this.#branch?.id;
    const vehicles = this.#school.vehicles.filter((vehicle) => vehicle.branchId === branchId);
    offer(this.#vehicle, [
      ...vehicles.map((vehicle) => ({ value: vehicle.id, label: carOf(vehicle) })),
      { value: '', label: 'No vehicle' },
    ]);
    if (hadNone) {
      this.#vehicle.selectedIndex = 0;
    }
  }

  /** What is looked for while there is nothing to collide with yet. */
  #wish(): Parameters<FreeSlots['follow']>[0] {
    const zone = this.#branch?.zone;
    if (zone === undefined || this.#date.value === '' || !this.#isEnabled) {
      return undefined;
    }
    return {
      studentId: this.#student.chosen?.id,
      instructorId: this.#instructor.value,
      vehicleId: this.#vehicle.value,
      durationMinutes: this.#minutes,
      from: startOfSearch(this.#date.value, zone, Date.now()),
      zone,
    };
  }

  #take({ startsAt, instructorId }: ChosenSlot): void {
    const zone = branchOf(this.#school, instructorId)?.zone ?? this.#branch?.zone ?? 'UTC';
    const { date, time } = wallClock(Date.parse(startsAt), zone);
    this.choose(date, time, instructorId);
  }

  async #submit(): Promise<void> {
    const student = this.#student.chosen;
    const zone = branchOf(this.#school, this.#instructor.value)?.zone;
    for (const input of [this.#date, this.#time, this.#instructor]) {
      input.setAttribute('aria-invalid', String(input.value === ''));
    }
    this.#student.markInvalid(student === undefined);
    if (student === undefined || !this.#date.value || !this.#time.value) {
      this.#tell('bad', 'Something is missing', 'Choose a student, a date and a start.');
    } else if (zone === undefined) {
      this.#tell(
        'bad',
        'Who gives the lesson?',
        'Choose an instructor, or one of the free times below.',
      );
    } else {
      await this.#send(student, zone);
    }
  }

  async #send(student: Student, zone: string): Promise<void> {
    // A double click on an alternative is one wish.
    if (this.#isSending) {
      return;
    }
    this.#isSending = true;
    this.#showButton();
    try {
      const { lesson } = await sendOnce(this.#client, 'lessons.book', {
        studentId: student.id,
        instructorId: this.#instructor.value,
        vehicleId: this.#vehicle.value === '' ? null : this.#vehicle.value,
        startsAt: instantOf(this.#date.value, this.#time.value, zone),
        durationMinutes: this.#minutes,
        type: this.#type.value as LessonType,
      });
      this.#succeeded(`${nameOf(student)}, ${writeSpan(lesson, lesson.zone)}`);
      this.#host.booked(lesson.local.start.slice(0, 10));
    } catch (error) {
      this.#refused(error, zone);
    } finally {
      this.#isSending = false;
      this.#showButton();
    }
  }

  #succeeded(text: string): void {
    this.#tell('good', 'Lesson booked', text);
    this.#student.clear();
    this.#isDrafting = false;
    this.refreshSlots();
  }

  #refused(error: unknown, zone: string): void {
    const card = drawRefusal(error, {
      title: 'The lesson was not booked',
      zone,
      studentOf: this.#host.studentOf,
      offer: 'Free instead – click to book',
      choose: ({ startsAt }) => {
        const { date, time } = wallClock(Date.parse(startsAt), zone);
        this.choose(date, time);
        void this.#submit();
      },
    });
    fill(this.#outcome, card);
    // With free times in the card there is no need for others below it.
    this.#slots.follow(undefined, this.#school);
    card.scrollIntoView({ block: 'nearest' });
    if (error instanceof BackendError && error.symbol === 'INVALID_PARAMS') {
      this.#date.focus();
    }
  }

  #tell(kind: 'good' | 'bad', title: string, text: string): void {
    const attributes = { class: `card ${kind}`, role: kind === 'bad' ? 'alert' : 'status' };
    fill(this.#outcome, make('div', attributes, make('h3', {}, title), make('p', {}, text)));
  }
}
