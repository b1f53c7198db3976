/** The form "Book a lesson". */

import {
  BackendError,
  type Branch,
  type LessonType,
  type SchoolClient,
  type Student,
} from '../../src/renderer';
import type { Draft } from './calendar';
import { fill, find, make, offer } from './dom';
import { type Alternative, drawRefusal, writeSpan } from './refusal';
import { nameOf, type School } from './school';
import { StudentPicker } from './studentPicker';
import { instantOf, wallClock } from './week';

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
  readonly #form = find('book-form', HTMLFormElement);
  readonly #instructor = find('instructor', HTMLSelectElement);
  readonly #vehicle = find('vehicle', HTMLSelectElement);
  readonly #date = find('date', HTMLInputElement);
  readonly #time = find('time', HTMLInputElement);
  readonly #type = find('type', HTMLSelectElement);
  readonly #button = find('book', HTMLButtonElement);
  readonly #outcome = find('outcome', HTMLDivElement);
  #school: School | undefined;
  /** What was sent last and did not come to an end: sent again, it books once. */
  #attempt: { readonly wish: string; readonly key: string } | undefined;
  #isSending = false;
  #isEnabled = false;
  /** The draft is shown from the first choice on until it is booked. */
  #isDrafting = false;

  constructor(client: SchoolClient, host: BookingHost) {
    this.#client = client;
    this.#host = host;
    this.#student = new StudentPicker(client);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#form.addEventListener('change', () => {
      this.#isDrafting = true;
      this.#host.moved();
    });
    this.#instructor.addEventListener('change', () => this.#offerVehicles());
  }

  /** Offer what *school* has. */
  show(school: School, instructorId: string): void {
    this.#school = school;
    offer(
      this.#instructor,
      school.instructors.map((instructor) => ({ value: instructor.id, label: nameOf(instructor) })),
    );
    if (instructorId !== '') {
      this.#instructor.value = instructorId;
    }
    this.#offerVehicles();
  }

  /** Propose day and start, to begin with. */
  propose(date: string, time: string): void {
    this.#date.value = date;
    this.#time.value = time;
  }

  /** Choose day and start. */
  choose(date: string, time: string): void {
    this.propose(date, time);
    this.#isDrafting = true;
    this.#host.moved();
  }

  get draft(): Draft | undefined {
    return this.#isDrafting
      ? { date: this.#date.value, time: this.#time.value, minutes: this.#minutes }
      : undefined;
  }

  /** Let lessons be booked, or not while nobody would answer. */
  enable(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#showButton();
  }

  /** Close the whole form: there is nothing to book, and will not be soon. */
  close(isClosed: boolean): void {
    find('book-fields', HTMLFieldSetElement).disabled = isClosed;
  }

  #showButton(): void {
    this.#button.disabled = this.#isSending || !this.#isEnabled;
  }

  get #minutes(): number {
    return Number(new FormData(this.#form).get('duration'));
  }

  #branch(): Branch | undefined {
    const school = this.#school;
    const instructor = school?.instructors.find(({ id }) => id === this.#instructor.value);
    return school?.branches.find(({ id }) => id === instructor?.branchId);
  }

  #offerVehicles(): void {
    const branchId = this.#branch()?.id;
    const vehicles = (this.#school?.vehicles ?? []).filter(
      (vehicle) => vehicle.branchId === branchId,
    );
    offer(this.#vehicle, [
      ...vehicles.map(({ id, plate, make: brand, model }) => ({
        value: id,
        label: `${plate} · ${brand} ${model}`,
      })),
      { value: '', label: 'No vehicle' },
    ]);
  }

  async #submit(): Promise<void> {
    const student = this.#student.chosen;
    const zone = this.#branch()?.zone;
    this.#student.markInvalid(student === undefined);
    this.#mark(this.#date);
    this.#mark(this.#time);
    if (student === undefined || zone === undefined || !this.#date.value || !this.#time.value) {
      this.#tell('Something is missing', 'Choose a student, a date and a start.');
      return;
    }
    await this.#send(student, zone);
  }

  async #send(student: Student, zone: string): Promise<void> {
    // A double click on an alternative is one wish.
    if (this.#isSending) {
      return;
    }
    this.#isSending = true;
    this.#showButton();
    const wish = {
      studentId: student.id,
      instructorId: this.#instructor.value,
      vehicleId: this.#vehicle.value === '' ? null : this.#vehicle.value,
      startsAt: instantOf(this.#date.value, this.#time.value, zone),
      durationMinutes: this.#minutes,
      type: this.#type.value as LessonType,
    };
    try {
      const idempotencyKey = this.#keyOf(JSON.stringify(wish));
      const { lesson } = await this.#client.send('lessons.book', wish, { idempotencyKey });
      this.#succeeded(`${nameOf(student)}, ${writeSpan(lesson, lesson.zone)}`);
      this.#host.booked(lesson.local.start.slice(0, 10));
    } catch (error) {
      this.#refused(error, zone);
    } finally {
      this.#isSending = false;
      this.#showButton();
    }
  }

  #keyOf(wish: string): string {
    if (this.#attempt?.wish !== wish) {
      this.#attempt = { wish, key: newKey() };
    }
    return this.#attempt.key;
  }

  #succeeded(text: string): void {
    fill(
      this.#outcome,
      make('div', { class: 'card good' }, make('h3', {}, 'Lesson booked'), make('p', {}, text)),
    );
    this.#student.clear();
    this.#isDrafting = false;
    this.#attempt = undefined;
  }

  #refused(error: unknown, zone: string): void {
    // With the outcome unknown the same key is sent again, so that nothing is booked twice.
    if (!(error instanceof BackendError) || error.outcome !== 'unknown') {
      this.#attempt = undefined;
    }
    const choose = ({ startsAt }: Alternative): void => {
      const { date, time } = wallClock(Date.parse(startsAt), zone);
      this.choose(date, time);
      void this.#submit();
    };
    const card = drawRefusal(error, { zone, studentOf: this.#host.studentOf, choose });
    fill(this.#outcome, card);
    card.scrollIntoView({ block: 'nearest' });
  }

  #mark(input: HTMLInputElement): void {
    input.setAttribute('aria-invalid', String(input.value === ''));
  }

  #tell(title: string, text: string): void {
    fill(
      this.#outcome,
      make('div', { class: 'card bad' }, make('h3', {}, title), make('p', {}, text)),
    );
  }
}

function newKey(): string {
  const numbers = Array.from(crypto.getRandomValues(new Uint32Array(4)));
  return `book-${numbers.map((number) => number.toString(36)).join('')}`;
}
