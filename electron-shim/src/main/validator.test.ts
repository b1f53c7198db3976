import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, symbolOf } from '../testing/rig';
import { readParams, type StandardSchema } from './validator';

interface Named {
  readonly name: string;
}

const isNamed = (value: unknown): value is Named =>
  typeof value === 'object' && value !== null && 'name' in value;

const schema: StandardSchema<Named> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      isNamed(value) ? { value } : { issues: [{ message: 'name is missing' }] },
  },
};

function parseNamed(value: unknown): Named {
  if (!isNamed(value)) {
    throw new TypeError(`unexpected ${JSON.stringify(value)}`);
  }
  return { name: value.name.trim() };
}

test('a predicate, a parse function and a Standard Schema let good params through', async () => {
  deepEqual(await readParams(isNamed, { name: 'a' }), { name: 'a' });
  deepEqual(await readParams(parseNamed, { name: ' a ' }), { name: 'a' });
  deepEqual(await readParams(schema, { name: 'a' }), { name: 'a' });
});

test('each refuses bad params without repeating them', async () => {
  for (const validator of [isNamed, parseNamed, schema]) {
    equal(await symbolOf(readParams(validator, { secret: 'x' })), 'PARAMS_REFUSED');
  }
  const failure = await failureOf(readParams(schema, {}));
  deepEqual(failure.details, { issues: ['name is missing'] });
});
