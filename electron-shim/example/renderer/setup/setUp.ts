/** The first things of a new school: a place, an instructor, a vehicle. */

import type { SchoolClient } from '../../../src/renderer';
import { sendOnce } from '../base/commands';
import { fill, make } from '../base/dom';
import { makeField, type Question, readForm } from '../base/fields';
import type { School } from '../base/school';
import { drawRefusal } from '../booking/refusal';

const questions: readonly (readonly Question[])[] = [
  [
    { name: 'branch', label: 'Name of the school or branch' },
    { name: 'currency', label: 'Currency', value: 'EUR' },
  ],
  [
    { name: 'givenName', label: 'First instructor: given name' },
    { name: 'familyName', label: 'Family name' },
  ],
  [
    { name: 'plate', label: 'First vehicle: plate', isOptional: true },
    { name: 'model', label: 'Make and model', isOptional: true },
  ],
];

/** Draw the form; *done* is called when the school has what it needs to begin. */
export function drawSetUp(client: SchoolClient, school: School, done: () => void): HTMLElement {
  const outcome = make('div', { 'aria-live': 'polite' });
  const button = make('button', { type: 'submit', class: 'primary' }, 'Begin');
  const form = make(
    'form',
    { class: 'set-up', novalidate: true, 'aria-label': 'The first things of the school' },
    ...questions.map((pair) =>
      make('div', { class: 'pair' }, ...pair.map((question) => makeField('set-up', question))),
    ),
    button,
    outcome,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const answers = readForm(form);
    if (answers === undefined) {
      return;
    }
    button.disabled = true;
    save(client, school, answers)
      .then(done, (error: unknown) => fill(outcome, drawFailure(error)))
      .finally(() => {
        button.disabled = false;
      });
  });
  return form;
}

/** Save what was answered; what an earlier try has saved already is left as it is. */
async function save(
  client: SchoolClient,
  school: School,
  answers: Readonly<Record<string, string>>,
): Promise<void> {
  const { branch = '', currency = '', givenName = '', familyName = '', plate = '' } = answers;
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { id: branchId } =
    school.branches.find(({ name }) => name === branch) ??
    (await sendOnce(client, 'branches.save', { name: branch, zone, currency }));
  if (plate !== '') {
    const [make = '', ...model] = (answers['model'] ?? '').split(' ');
    await sendOnce(client, 'vehicles.save', {
      ...{ branchId, plate, make: make || '–', model: model.join(' ') || '–' },
      ...{ categories: ['B'], transmission: 'manual' },
    });
  }
  await sendOnce(client, 'instructors.save', {
    ...{ branchId, givenName, familyName, categories: ['B'], engagement: 'employee' },
  });
}

function drawFailure(error: unknown): HTMLElement {
  return drawRefusal(error, {
    title: 'The school was not set up',
    zone: 'UTC',
    studentOf: () => undefined,
    offer: '',
    choose: () => undefined,
  });
}
