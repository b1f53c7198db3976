/** What the backend takes, the shim sends; what it would refuse for its form is not sent. */

import { deepEqual, doesNotThrow, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { channelNames, contractHash } from '../generated/channels.gen';
import { contractHash as compiledFrom, validators } from '../generated/validators.gen';
import { BackendError } from '../shared/errors';
import { isJsonObject, type JsonObject } from '../shared/json';
import { repository } from '../testing/rig';
import { requireParams } from './contractParams';

const studentId = 'stu_01890a5d-ac96-774b-bcce-b302099a8057';

function problems(channel: string, params: JsonObject): unknown {
  try {
    requireParams(channel, params);
  } catch (error) {
    ok(error instanceof BackendError);
    deepEqual([error.code, error.symbol, error.outcome], [-32602, 'INVALID_PARAMS', 'none']);
    return error.details?.['errors'];
  }
  return [];
}

test('the validators are compiled from the contract the types are generated from', () => {
  equal(compiledFrom, contractHash);
  deepEqual(Object.keys(validators).sort(), [...channelNames].sort());
});

test('paths and rules are named as the backend names them, and no value is', () => {
  deepEqual(
    problems('lessons.book', {
      studentId: 'secret',
      durationMinutes: 1,
      instructorId: 7,
      wheels: 4,
      pickup: 'x'.repeat(201),
      _meta: { timeoutMs: 0 },
    }),
    [
      { path: 'startsAt', rule: 'missing' },
      { path: 'wheels', rule: 'extra_forbidden' },
      { path: 'durationMinutes', rule: 'greater_than_equal' },
      { path: 'instructorId', rule: 'string_type' },
      { path: 'pickup', rule: 'string_too_long' },
      { path: 'studentId', rule: 'string_pattern_mismatch' },
      { path: '_meta.timeoutMs', rule: 'greater_than_equal' },
    ],
  );
});

test('white space around a text is left to the backend, which takes it off some', () => {
  const vehicle = {
    branchId: 'bra_01890a5d-ac96-774b-bcce-b302099a8057',
    make: ` ${'x'.repeat(200)}`,
    model: '\u00a0Polo\r\n',
    categories: ['B'],
    transmission: 'manual',
  };

  deepEqual(problems('vehicles.save', { ...vehicle, plate: 'B-AB 123\t' }), []);
  deepEqual(problems('vehicles.save', { ...vehicle, plate: 'B\tAB', model: ' '.repeat(3) }), [
    { path: 'plate', rule: 'string_pattern_mismatch' },
  ]);
  deepEqual(problems('lessons.get', { lessonId: 7 }), [{ path: 'lessonId', rule: 'string_type' }]);
});

test('good params with every kind of meta pass, and so do channels that are none of ours', () => {
  deepEqual(problems('students.get', { studentId, _meta: { idempotencyKey: 'k' } }), []);
  deepEqual(problems('app.double', { number: 21 }), []);
  deepEqual(problems('toString', {}), []);
});

const folder = join(repository, 'tests/contract');
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const recorded: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const { channel, params } = isJsonObject(recorded) ? recorded : {};
  if (!file.includes('invalid_params') && isJsonObject(params)) {
    test(`the params of ${file}, which the backend took, are let through`, () => {
      doesNotThrow(() => requireParams(String(channel), params));
    });
  }
}
