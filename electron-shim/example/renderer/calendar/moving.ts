/** Lessons are picked up and put down: by the pointer, or by M, arrow keys and Enter. */

import type { DrawnLesson } from '../base/school';
import { minutesIn, type Span } from '../base/spans';
import type { Board } from './board';
import { type Carried, type LocalSpan, timesOf } from './carrying';
import type { Column } from './columns';
import { neighbour } from './neighbours';
import { placeOf, snap, spanAt, step } from './places';

export interface MovingHost {
  readonly mayMove: () => boolean;
  readonly zoneOf: (drawn: DrawnLesson, column: Column) => string;
  readonly open: (drawn: DrawnLesson) => void;
  /** A free spot was clicked. */
  readonly pick: (column: Column, minute: number) => void;
  /** Settles when it is known what became of it. */
  readonly drop: (
    drawn: DrawnLesson,
    span: Span,
    instructorId: string | undefined,
  ) => Promise<void>;
  /** Say it to who cannot see it. */
  readonly say: (text: string) => void;
}

interface Press {
  readonly drawn: DrawnLesson;
  readonly x: number;
  readonly y: number;
}

// A hand that clicks trembles less than this.
const dragPixels = 4;
const arrows = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'];

/** Listens to the board. */
export class Moving {
  readonly #board: Board;
  readonly #host: MovingHost;
  #press: Press | undefined;
  #carried: Carried | undefined;
  #wasDragged = false;

  constructor(board: Board, host: MovingHost) {
    this.#board = board;
    this.#host = host;
    const { grid } = board;
    grid.addEventListener('pointerdown', (event) => this.#pressed(event));
    grid.addEventListener('pointermove', (event) => this.#dragged(event));
    grid.addEventListener('pointerup', () => this.#released());
    grid.addEventListener('pointercancel', () => this.#giveUp());
    grid.addEventListener('click', (event) => this.#clicked(event));
    document.addEventListener('keydown', (event) => this.#typed(event));
  }

  /** Pick a lesson up for the arrow keys. */
  pickUp(drawn: DrawnLesson): void {
    const from = placeOf(drawn, this.#board.columns);
    if (from === undefined) {
      return;
    }
    this.#board.focus(drawn.lesson.id);
    this.#take({ drawn, isByKeys: true, from, gripMinutes: 0, place: from });
    this.#host.say(
      `${drawn.lesson.studentName} picked up. Arrow keys move, Enter puts down, Escape gives up.`,
    );
  }

  #pressed(event: PointerEvent): void {
    this.#wasDragged = false;
    const drawn = this.#lessonUnder(event);
    if (event.button === 0 && drawn !== undefined && this.#host.mayMove()) {
      this.#press = { drawn, x: event.clientX, y: event.clientY };
    }
  }

  #dragged(event: PointerEvent): void {
    const press = this.#press;
    if (press === undefined) {
      return;
    }
    const far = Math.hypot(event.clientX - press.x, event.clientY - press.y) >= dragPixels;
    if (this.#carried === undefined && far) {
      this.#lift(press, event);
    }
    this.#follow(event);
  }

  #lift({ drawn, x, y }: Press, event: PointerEvent): void {
    const from = placeOf(drawn, this.#board.columns);
    const grip = this.#board.at(x, y);
    if (from !== undefined && grip !== undefined) {
      this.#board.grid.setPointerCapture(event.pointerId);
      const gripMinutes = grip.minute - from.minute;
      this.#take({ drawn, isByKeys: false, from, gripMinutes, place: from });
    }
  }

  #follow(event: PointerEvent): void {
    const carried = this.#carried;
    const under = this.#board.at(event.clientX, event.clientY);
    if (carried === undefined || carried.isByKeys || under === undefined) {
      return;
    }
    this.#board.scrollNear(event.clientY);
    const wanted = under.minute - carried.gripMinutes;
    this.#take({ ...carried, place: snap(under.column, wanted, minutesIn(carried.drawn)) });
  }

  #released(): void {
    this.#press = undefined;
    if (this.#carried !== undefined && !this.#carried.isByKeys) {
      this.#wasDragged = true;
      void this.#putDown(this.#carried);
    }
  }

  #clicked(event: MouseEvent): void {
    // The click that ends a drag is none.
    if (this.#wasDragged) {
      this.#wasDragged = false;
      return;
    }
    const drawn = this.#lessonUnder(event);
    const place = this.#board.at(event.clientX, event.clientY);
    const column = place && this.#board.columns[place.column];
    if (drawn !== undefined) {
      this.#host.open(drawn);
    } else if (place !== undefined && column !== undefined) {
      this.#host.pick(column, place.minute);
    }
  }

  #typed(event: KeyboardEvent): void {
    const carried = this.#carried;
    const isMeant =
      carried === undefined ? this.#navigated(event) : this.#steered(carried, event.key);
    if (isMeant) {
      event.preventDefault();
    }
  }

  #navigated(event: KeyboardEvent): boolean {
    const drawn = this.#lessonUnder(event);
    if (drawn === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return false;
    }
    if (event.key.toLowerCase() === 'm' && this.#host.mayMove()) {
      this.pickUp(drawn);
      return true;
    }
    const next = arrows.includes(event.key) ? this.#beside(drawn, event.key) : undefined;
    if (next !== undefined) {
      this.#board.focus(next);
    }
    return next !== undefined;
  }

  #beside(drawn: DrawnLesson, key: string): string | undefined {
    const standing = this.#board.lessons.map((one) => ({
      id: one.lesson.id,
      ...(placeOf(one, this.#board.columns) ?? { column: -1, minute: 0 }),
    }));
    return neighbour(standing, drawn.lesson.id, key);
  }

  #steered(carried: Carried, key: string): boolean {
    if (key === 'Escape') {
      this.#giveUp();
      this.#host.say('Left where it was.');
      return true;
    }
    if (!carried.isByKeys) {
      return false;
    }
    if (key === 'Enter') {
      void this.#putDown(carried);
    } else if (arrows.includes(key)) {
      const { columns } = this.#board;
      const place = step(carried.place, key, columns.length, minutesIn(carried.drawn));
      this.#take({ ...carried, place });
      this.#host.say(
        `${columns[place.column]?.label}, ${timesOf(this.#spanOf({ ...carried, place }))}`,
      );
    } else if (key === 'Tab') {
      this.#giveUp();
      return false;
    }
    return true;
  }

  /** Carry, and show where. */
  #take(carried: Carried): void {
    this.#carried = carried;
    this.#show(carried, timesOf(this.#spanOf(carried)));
  }

  #show({ drawn, place, isByKeys }: Carried, label: string): void {
    const minutes = minutesIn(drawn);
    this.#board.carry({
      lessonId: drawn.lesson.id,
      place,
      minutes,
      texts: [drawn.lesson.studentName, label],
      isByKeys,
    });
  }

  async #putDown(carried: Carried): Promise<void> {
    this.#carried = undefined;
    const { drawn, place, from } = carried;
    const column = this.#board.columns[place.column];
    const span = this.#spanOf(carried);
    const hasMoved = place.column !== from.column || place.minute !== from.minute;
    if (hasMoved && column !== undefined && span !== undefined) {
      this.#show(carried, 'Moving …');
      await this.#host.drop(drawn, span, column.instructorId);
    }
    if (this.#carried === undefined) {
      this.#board.carry(undefined);
    }
  }

  #giveUp(): void {
    this.#press = undefined;
    this.#carried = undefined;
    this.#board.carry(undefined);
  }

  #spanOf({ drawn, place }: Carried): LocalSpan | undefined {
    const column = this.#board.columns[place.column];
    if (column === undefined) {
      return undefined;
    }
    const zone = this.#host.zoneOf(drawn, column);
    return { ...spanAt(drawn, column, place, zone), zone };
  }

  #lessonUnder({ target }: Event): DrawnLesson | undefined {
    const button = target instanceof Element ? target.closest('[data-lesson]') : null;
    return button instanceof HTMLElement && this.#board.grid.contains(button)
      ? this.#board.lesson(button.dataset['lesson'] ?? '')
      : undefined;
  }
}
