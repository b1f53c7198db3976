/** The dialog that enrols a student, and tells who may be the same already. */

import type { SchoolClient, Student } from '../../../src/renderer';
import { sendOnce } from '../base/commands';
import { openDialog } from '../base/dialogs';
import { fill, find, make, makeButton } from '../base/dom';
import { makeField, type Question, readForm } from '../base/fields';
import { nameOf, type School } from '../base/school';
import { toast } from '../base/toasts';
import { drawRefusal } from '../booking/refusal';

const questions: readonly Question[] = [
  { name: 'givenName', label: 'Given name' },
  { name: 'familyName', label: 'Family name' },
  { name: 'bornOn', label: 'Born on', type: 'date' },
  { name: 'phone', label: 'Phone', type: 'tel', isOptional: true },
  { name: 'email', label: 'Mail', type: 'email', isOptional: true },
];

/** The dialog. */
export class Enrolment {
  readonly #client: SchoolClient;
  readonly #enrolled: (student: Student) => void;
  readonly #dialog = find('enrolment', HTMLDialogElement);
  readonly #outcome = make('div', { 'aria-live': 'polite' });

  constructor(client: SchoolClient, enrolled: (student: Student) => void) {
    this.#client = client;
    this.#enrolled = enrolled;
  }

  /** Ask for the student of a branch of *school*. */
  open({ branches }: School): void {
    const branch = make(
      'select',
      { id: 'enrolment-branch' },
      ...branches.map(({ id, name }) => make('option', { value: id }, name)),
    );
    const form = make(
      'form',
      { novalidate: true, 'aria-labelledby': 'enrolment-title' },
      make('h2', { id: 'enrolment-title' }, 'New student'),
      ...questions.map((question) => makeField('enrolment', question)),
      make('div', { class: 'field' }, make('label', { for: branch.id }, 'Branch'), branch),
      make(
        'div',
        { class: 'actions' },
        make('button', { type: 'submit', class: 'primary' }, 'Enrol'),
        makeButton('Close', () => this.#dialog.close()),
      ),
      this.#outcome,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit(form, branch.value);
    });
    fill(this.#outcome);
    fill(this.#dialog, form);
    openDialog(this.#dialog);
  }

  async #submit(form: HTMLFormElement, branchId: string): Promise<void> {
    const answers = readForm(form);
    if (answers === undefined) {
      return;
    }
    const { givenName = '', familyName = '', bornOn = '', phone = '', email = '' } = answers;
    try {
      const { student, duplicates } = await sendOnce(this.#client, 'students.create', {
        ...{ branchId, givenName, familyName, bornOn, state: 'active' },
        ...{ phone: phone === '' ? null : phone, email: email === '' ? null : email },
      });
      this.#dialog.close();
      const double =
        duplicates.length > 0 ? ' Somebody of this name and birth date was here already.' : '';
      toast(`${nameOf(student)} is enrolled.${double}`);
      this.#enrolled(student);
    } catch (error) {
      const card = drawRefusal(error, {
        title: 'The student was not enrolled',
        ...{ zone: 'UTC', studentOf: () => undefined, offer: '', choose: () => undefined },
      });
      fill(this.#outcome, card);
    }
  }
}
