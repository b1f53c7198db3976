/** Sends a move to the backend, and says what became of it. */

import { BackendError, type LessonView, type SchoolClient } from '../../../src/renderer';
import { sendOnce } from '../base/commands';
import { say } from '../base/dom';
import type { DrawnLesson } from '../base/school';
import { minutesIn, type Span, writeSpan } from '../base/spans';
import { toast, unpin } from '../base/toasts';

export interface RescheduleHost {
  /** Something has changed: the week is to be loaded anew. */
  readonly moved: () => Promise<void>;
  /** *again* tries another span for the same lesson. */
  readonly refused: (error: unknown, zone: string, again: (span: Span) => void) => void;
}

/** Moves lessons. */
export class Rescheduling {
  readonly #client: SchoolClient;
  readonly #host: RescheduleHost;

  constructor(client: SchoolClient, host: RescheduleHost) {
    this.#client = client;
    this.#host = host;
  }

  /** Move *drawn* to *span*, perhaps to another instructor; settles when the week shows it. */
  async move(drawn: DrawnLesson, span: Span, instructorId: string | undefined): Promise<void> {
    const { lesson, zone } = drawn;
    unpin();
    try {
      const before = await this.#asShown(drawn);
      const { lesson: after } = await this.#send(before.lesson, span, instructorId);
      const text = `${lesson.studentName} moved to ${writeSpan(after, zone)}.`;
      say(text);
      toast(text, { label: 'Undo', act: () => void this.#undo(before, after, drawn) });
      await this.#host.moved();
    } catch (error) {
      this.#host.refused(error, zone, (other) => void this.move(drawn, other, instructorId));
      await this.#host.moved();
    }
  }

  /** Read the lesson, and refuse to move what is no longer where the mover saw it. */
  async #asShown({ lesson, startsAt }: DrawnLesson): Promise<LessonView> {
    const view = await this.#client.send('lessons.get', { lessonId: lesson.id });
    const isSame =
      view.lesson.startsAt === startsAt && view.lesson.instructorId === lesson.instructorId;
    if (!isSame) {
      throw new BackendError({
        code: 1103,
        symbol: 'VERSION_CONFLICT',
        type: 'business',
        message: 'It is no longer where it was shown; the calendar shows it now.',
        retryable: false,
        outcome: 'none',
      });
    }
    return view;
  }

  #send(
    lesson: LessonView['lesson'],
    span: Span,
    instructorId: string | undefined,
  ): Promise<LessonView> {
    return sendOnce(this.#client, 'lessons.reschedule', {
      lessonId: lesson.id,
      startsAt: span.startsAt,
      durationMinutes: minutesIn(span),
      ...(instructorId === undefined || instructorId === lesson.instructorId
        ? {}
        : { instructorId }),
      expectedVersion: lesson.version,
    });
  }

  async #undo(
    { lesson: before }: LessonView,
    after: LessonView['lesson'],
    drawn: DrawnLesson,
  ): Promise<void> {
    const { zone, lesson } = drawn;
    try {
      await this.#send(after, before, before.instructorId);
      toast(`${lesson.studentName} is back at ${writeSpan(before, zone)}.`);
    } catch (error) {
      const moved = movedTo(drawn, after);
      this.#host.refused(error, zone, (span) => void this.move(moved, span, before.instructorId));
    }
    await this.#host.moved();
  }
}

function movedTo(drawn: DrawnLesson, after: LessonView['lesson']): DrawnLesson {
  const { startsAt, endsAt, local, instructorId } = after;
  return { ...drawn, startsAt, endsAt, local, lesson: { ...drawn.lesson, instructorId } };
}
