/** Whose lessons are shown: the choice of branch and instructor. */

import { find, offer } from '../base/dom';
import { type DrawnLesson, emptySchool, nameOf, type School } from '../base/school';

const allBranches = { value: '', label: 'All branches' };
const allInstructors = { value: '', label: 'All instructors' };
// With more instructors in one week nobody can read a name any more.
const mostInstructorsAtOnce = 4;

/** The two boxes in the toolbar; an empty choice is all. */
export class Filters {
  readonly #branch = find('branch-filter', HTMLSelectElement);
  readonly #instructor = find('instructor-filter', HTMLSelectElement);
  #school: School = emptySchool;

  /** *changed* hears which instructor is chosen. */
  constructor(changed: (instructorId: string) => void) {
    this.show(emptySchool);
    this.#branch.addEventListener('change', () => {
      this.#offerInstructors();
      changed(this.instructorId);
    });
    this.#instructor.addEventListener('change', () => changed(this.instructorId));
  }

  get branchId(): string {
    return this.#branch.value;
  }

  get instructorId(): string {
    return this.#instructor.value;
  }

  /** Offer what *school* has. */
  show(school: School): void {
    this.#school = school;
    const branches = school.branches.map(({ id, name }) => ({ value: id, label: name }));
    offer(this.#branch, [allBranches, ...branches]);
    this.#offerInstructors();
  }

  /** Choose the instructor with the most of *lessons*, if all at once would be too many. */
  narrow(lessons: readonly DrawnLesson[]): void {
    const { instructors } = this.#school;
    if (instructors.length <= mostInstructorsAtOnce) {
      return;
    }
    const counts = new Map(instructors.map(({ id }) => [id, 0]));
    for (const { lesson } of lessons) {
      counts.set(lesson.instructorId, (counts.get(lesson.instructorId) ?? 0) + 1);
    }
    const [busiest] = [...counts].sort(([, one], [, other]) => other - one);
    this.#instructor.value = busiest?.[0] ?? '';
  }

  #offerInstructors(): void {
    const shown = this.#school.instructors.filter(
      ({ branchId }) => this.branchId === '' || branchId === this.branchId,
    );
    const instructors = shown.map((one) => ({ value: one.id, label: nameOf(one) }));
    offer(this.#instructor, [allInstructors, ...instructors]);
  }
}
