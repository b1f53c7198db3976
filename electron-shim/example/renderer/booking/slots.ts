/** Free times for the lesson in the form, one click from being chosen. */

import type { SchoolClient, Slot } from '../../../src/renderer';
import { fill, find, make, makeButton } from '../base/dom';
import { nameOf, type School } from '../base/school';
import { laterBy, writeSpan } from '../base/spans';
import { spread } from './spread';

export interface SlotWish {
  readonly studentId: string | undefined;
  readonly instructorId: string;
  readonly vehicleId: string;
  readonly durationMinutes: number;
  /** RFC 3339 in UTC: not before. */
  readonly from: string;
  readonly zone: string;
}

export interface ChosenSlot {
  readonly startsAt: string;
  readonly instructorId: string;
}

const shown = 4;
const searched = 200;
const daysAhead = 14;
const pauseMs = 200;

/** The list under the form. */
export class FreeSlots {
  readonly #client: SchoolClient;
  readonly #choose: (slot: ChosenSlot) => void;
  readonly #section = find('slots', HTMLElement);
  readonly #list = find('slot-list', HTMLDivElement);
  #timer: number | undefined;
  #turn = 0;

  constructor(client: SchoolClient, choose: (slot: ChosenSlot) => void) {
    this.#client = client;
    this.#choose = choose;
  }

  /** Look for *wish* after a pause; undefined takes the list away. */
  follow(wish: SlotWish | undefined, school: School): void {
    window.clearTimeout(this.#timer);
    this.#turn += 1;
    if (wish === undefined) {
      this.#section.hidden = true;
      return;
    }
    this.#timer = window.setTimeout(() => void this.#look(wish, school), pauseMs);
  }

  async #look(wish: SlotWish, school: School): Promise<void> {
    const turn = this.#turn;
    const found = await this.#client
      .send('lessons.searchSlots', {
        studentId: wish.studentId ?? null,
        ...(wish.instructorId === '' ? {} : { instructorIds: [wish.instructorId] }),
        ...(wish.vehicleId === '' ? {} : { vehicleIds: [wish.vehicleId] }),
        durationMinutes: wish.durationMinutes,
        from: wish.from,
        to: laterBy(wish.from, daysAhead * 24 * 60),
        limit: searched,
      })
      .catch(() => undefined);
    // A slow answer to an older wish is no answer.
    if (found !== undefined && turn === this.#turn) {
      this.#draw(spread(found.items, shown), wish, school);
    }
  }

  #draw(slots: readonly Slot[], { zone, instructorId }: SlotWish, school: School): void {
    const buttons = slots.map((slot) => {
      const instructor = school.instructors.find(({ id }) => id === slot.instructorId);
      const when = writeSpan(slot, zone);
      // Beside a name there is room for the start alone; the duration is in the form.
      const label =
        instructorId === '' && instructor !== undefined
          ? `${when.split(' – ')[0]} · ${nameOf(instructor)}`
          : when;
      return makeButton(label, () => this.#choose(slot));
    });
    const nothing = make(
      'p',
      { class: 'nothing' },
      `Nothing is free in the next ${daysAhead} days.`,
    );
    fill(this.#list, ...(buttons.length > 0 ? buttons : [nothing]));
    this.#section.hidden = false;
  }
}
