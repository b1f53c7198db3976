// What a program in TypeScript does at a school's desk over HTTP, by a client that is generated from
// /openapi.json: node desk.js URL < school.json. It prints what it was told; see tests/e2e/test_clients.py.
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.gen';

type Schemas = components['schemas'];

interface Given {
  readonly login: string;
  readonly password: string;
  readonly startsAt: string;
  readonly branchId: string;
  readonly instructorId: string;
  readonly vehicleId: string;
}

const given: Given = JSON.parse(readFileSync(0, 'utf8'));
const client = createClient<paths>({ baseUrl: process.argv[2] ?? '' });

/** Return the data of an answer, or fail with the error that it tells. */
function told<T>({
  data,
  error,
}: {
  readonly data?: { readonly data: T };
  readonly error?: { readonly error: Schemas['ErrorResponse'] };
}): T {
  if (data === undefined) throw new Error(error?.error.code);
  return data.data;
}

async function signIn(): Promise<Schemas['User']> {
  const body = { login: given.login, password: given.password };
  const { accessToken, user } = told(await client.POST('/api/auth.login', { body }));
  client.use({
    onRequest: ({ request }) => request.headers.set('Authorization', `Bearer ${accessToken}`),
  });
  return user;
}

async function createStudent(givenName: string): Promise<Schemas['Student']> {
  const body = { branchId: given.branchId, givenName, familyName: 'Kurz', bornOn: '2007-12-10' };
  return told(await client.POST('/api/students.create', { body })).student;
}

function book(student: Schemas['Student'], key: string) {
  const { startsAt, instructorId, vehicleId } = given;
  return client.POST('/api/lessons.book', {
    params: { header: { 'Idempotency-Key': key } },
    body: { studentId: student.id, instructorId, vehicleId, startsAt, durationMinutes: 45 },
  });
}

async function namesByPages(): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const body: Schemas['ListStudents'] = { text: 'Kurz', limit: 2, cursor };
    const page: Schemas['StudentPage'] = told(await client.POST('/api/students.list', { body }));
    names.push(...page.items.map((student) => student.givenName));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return names;
}

const user = await signIn();
const ada = await createStudent('Ada');
const bob = await createStudent('Bob');
await createStudent('Cem');
const booked = await book(ada, 'ada');
const again = await book(ada, 'ada');
const taken = await book(bob, 'bob');
const known = taken.error?.error;
process.stdout.write(
  JSON.stringify({
    login: user.login,
    lessonId: told(booked).lesson.id,
    again: told(again).lesson.id,
    replayed: again.response.headers.get('idempotency-replayed'),
    conflict: { status: taken.response.status, code: known?.code, type: known?.type },
    names: await namesByPages(),
  }),
);
