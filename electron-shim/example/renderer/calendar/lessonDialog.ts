/** One lesson in full: what it is, and how to move or cancel it. */

import type { CancelCode, CancelledBy, Lesson, SchoolClient } from '../../../src/renderer';
import { sendOnce } from '../base/commands';
import { openDialog } from '../base/dialogs';
import { fill, find, make, onClick } from '../base/dom';
import { carOf, type DrawnLesson, nameOf, type School } from '../base/school';
import { writeSpan } from '../base/spans';
import { toast } from '../base/toasts';

export interface LessonHost {
  readonly school: () => School;
  readonly mayMove: () => boolean;
  readonly mayCancel: () => boolean;
  readonly pickUp: (drawn: DrawnLesson) => void;
  readonly refused: (error: unknown, title: string, zone: string) => void;
}

const kinds: Readonly<Record<Lesson['type'], string>> = {
  normal: 'Normal',
  country: 'Country road',
  motorway: 'Motorway',
  night: 'Night',
  exam_preparation: 'Exam preparation',
};

/** Write what is practised. */
export function kindOf(type: Lesson['type']): string {
  return kinds[type];
}

/** The dialog. */
export class LessonDialog {
  readonly #client: SchoolClient;
  readonly #host: LessonHost;
  readonly #dialog = find('lesson', HTMLDialogElement);
  readonly #reason = find('cancel-reason', HTMLSelectElement);
  readonly #side = find('cancel-side', HTMLSelectElement);
  #drawn: DrawnLesson | undefined;

  constructor(client: SchoolClient, host: LessonHost) {
    this.#client = client;
    this.#host = host;
    onClick('close-lesson', () => this.#dialog.close());
    onClick('move-lesson', () => this.#move());
    onClick('cancel-lesson', () => this.#askWhy(true));
    onClick('keep-lesson', () => this.#askWhy(false));
    onClick('really-cancel', () => void this.#cancel());
  }

  /** Show *drawn*. */
  open(drawn: DrawnLesson): void {
    this.#drawn = drawn;
    const { lesson, zone } = drawn;
    const { instructors, vehicles } = this.#host.school();
    const instructor = instructors.find(({ id }) => id === lesson.instructorId);
    const vehicle = vehicles.find(({ id }) => id === lesson.vehicleId);
    find('lesson-title', HTMLHeadingElement).textContent = lesson.studentName;
    fill(
      find('lesson-facts', HTMLDListElement),
      ...fact('When', writeSpan(drawn, zone)),
      ...fact('Instructor', instructor === undefined ? 'Unknown' : nameOf(instructor)),
      ...fact('Vehicle', vehicle === undefined ? 'None' : carOf(vehicle)),
      ...fact('Kind', kindOf(lesson.type)),
    );
    find('move-lesson', HTMLButtonElement).disabled = !this.#host.mayMove();
    find('cancel-lesson', HTMLButtonElement).disabled = !this.#host.mayCancel();
    this.#askWhy(false);
    openDialog(this.#dialog);
  }

  #move(): void {
    this.#dialog.close();
    if (this.#drawn !== undefined) {
      this.#host.pickUp(this.#drawn);
    }
  }

  #askWhy(isAsked: boolean): void {
    find('cancel-form', HTMLDivElement).hidden = !isAsked;
    find('lesson-actions', HTMLDivElement).hidden = isAsked;
    if (isAsked) {
      this.#side.focus();
    }
  }

  async #cancel(): Promise<void> {
    const drawn = this.#drawn;
    if (drawn === undefined) {
      return;
    }
    this.#dialog.close();
    const { lesson, zone } = drawn;
    try {
      await sendOnce(this.#client, 'lessons.cancel', {
        lessonId: lesson.id,
        by: this.#side.value as CancelledBy,
        reasonCode: this.#reason.value as CancelCode,
      });
      toast(`The lesson of ${lesson.studentName}, ${writeSpan(drawn, zone)}, is cancelled.`);
    } catch (error) {
      this.#host.refused(error, 'The lesson was not cancelled', zone);
    }
  }
}

function fact(name: string, value: string): readonly HTMLElement[] {
  return [make('dt', {}, name), make('dd', {}, value)];
}
