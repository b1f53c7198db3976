/** Forms that are made rather than found. */

import { make } from './dom';

/** What one asks for: a name in the answer, a label, and what the browser may know about it. */
export interface Question {
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'date' | 'email' | 'tel';
  readonly value?: string;
  readonly isOptional?: boolean;
}

/** Make a label and its input; *form* tells the inputs of several forms apart. */
export function makeField(form: string, question: Question): HTMLElement {
  const { name, label, type = 'text', value = '', isOptional = false } = question;
  const id = `${form}-${name}`;
  const shown = isOptional ? `${label} (optional)` : label;
  return make(
    'div',
    { class: 'field' },
    make('label', { for: id }, shown),
    make('input', { id, name, type, value, required: !isOptional, autocomplete: 'off' }),
  );
}

/** Read the answers; mark what is missing, and return nothing then. */
export function readForm(form: HTMLFormElement): Readonly<Record<string, string>> | undefined {
  const inputs = [...form.querySelectorAll('input')];
  const missing = inputs.filter(({ required, value }) => required && value.trim() === '');
  for (const input of inputs) {
    input.setAttribute('aria-invalid', String(missing.includes(input)));
  }
  missing[0]?.focus();
  return missing.length > 0
    ? undefined
    : Object.fromEntries(inputs.map(({ name, value }) => [name, value.trim()]));
}
