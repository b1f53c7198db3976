/** Fills an empty store with a small school through the wire. */

import { addDays, instantOf, mondayOf } from '../example/renderer/base/week';
import { createBackend, pythonBackend } from '../src/main/node';

/** The wall clock of the school. */
export const zone = 'Europe/Berlin';

export interface SeededSchool {
  /** The first day with lessons: tomorrow, for nothing can be booked in the past; on a Saturday Monday. */
  readonly firstDay: string;
  readonly students: readonly string[];
  readonly instructors: readonly string[];
}

const students = [
  ['Ada', 'Byron', '2008-12-10'],
  ['Emil', 'Noether', '2009-03-23'],
  ['Lotte', 'Meitner', '2008-11-07'],
  ['Konrad', 'Zuse', '2007-06-22'],
  ['Mina', 'Yılmaz', '2009-01-15'],
  ['Jonas', 'Krüger', '2008-05-30'],
  ['Sofía', 'Álvarez', '2007-09-02'],
  ['Paul', 'Østergård', '2008-02-18'],
] as const;

const instructors = [
  ['Cora', 'Weiß'],
  ['Henrik', 'Brandt'],
  ['Yasmin', 'Demir'],
] as const;

const vehicles = [
  ['B-FS 101', 'VW', 'Golf', 'manual'],
  ['B-FS 102', 'Toyota', 'Corolla', 'automatic'],
  ['B-FS 103', 'BMW', '118i', 'manual'],
] as const;

/** Day after the first, start, instructor, student, minutes, kind. */
const lessons = [
  [0, '08:00', 0, 0, 90, 'normal'],
  [0, '10:00', 0, 1, 90, 'country'],
  [0, '09:00', 1, 2, 45, 'normal'],
  [0, '09:45', 1, 3, 90, 'normal'],
  [0, '14:00', 2, 4, 135, 'motorway'],
  [1, '08:30', 0, 5, 90, 'normal'],
  [1, '10:30', 1, 6, 90, 'exam_preparation'],
  [1, '13:00', 0, 7, 45, 'normal'],
  [1, '17:00', 2, 0, 90, 'night'],
  [2, '09:00', 2, 1, 90, 'normal'],
  [2, '09:30', 0, 2, 90, 'country'],
  [2, '15:00', 1, 3, 90, 'normal'],
  [3, '08:00', 1, 4, 135, 'motorway'],
  [3, '11:00', 0, 5, 45, 'normal'],
  [3, '12:00', 2, 6, 90, 'normal'],
  [4, '10:00', 2, 7, 90, 'exam_preparation'],
] as const;

/** The day after *today*; a Sunday is passed by, for the day behind it is not of the same week. */
function firstDayAfter(today: string): string {
  const tomorrow = addDays(today, 1);
  const next = addDays(tomorrow, 1);
  return mondayOf(next) === next ? next : tomorrow;
}

/** Seed the store in *dataDir*. */
export async function seedSchool(python: string, dataDir: string): Promise<SeededSchool> {
  const backend = createBackend({
    backend: pythonBackend(python, dataDir),
    client: { name: 'e2e', version: '0' },
  });
  try {
    await backend.startServer();
    const branch = await backend.send('branches.save', { name: 'Mitte', zone, currency: 'EUR' });
    const branchId = branch.id;
    const studentIds: string[] = [];
    for (const [givenName, familyName, bornOn] of students) {
      const { student } = await backend.send('students.create', {
        branchId,
        givenName,
        familyName,
        bornOn,
      });
      studentIds.push(student.id);
    }
    const instructorIds: string[] = [];
    for (const [givenName, familyName] of instructors) {
      const saved = await backend.send('instructors.save', {
        ...{ branchId, givenName, familyName },
        ...{ categories: ['B'], engagement: 'employee' },
      });
      instructorIds.push(saved.id);
    }
    const vehicleIds: string[] = [];
    for (const [plate, make, model, transmission] of vehicles) {
      const saved = await backend.send('vehicles.save', {
        ...{ branchId, plate, make, model, transmission },
        categories: ['B'],
      });
      vehicleIds.push(saved.id);
    }
    const firstDay = firstDayAfter(new Date().toISOString().slice(0, 10));
    for (const [day, time, instructor, student, durationMinutes, type] of lessons) {
      await backend.send('lessons.book', {
        studentId: studentIds[student] ?? '',
        instructorId: instructorIds[instructor] ?? '',
        vehicleId: vehicleIds[instructor] ?? '',
        startsAt: instantOf(addDays(firstDay, day), time, zone),
        ...{ durationMinutes, type },
      });
    }
    return { firstDay, students: studentIds, instructors: instructorIds };
  } finally {
    await backend.stopServer();
  }
}

/** Ask a fresh backend on *dataDir* for the lessons of a student. */
export async function lessonsOf(
  python: string,
  dataDir: string,
  studentId: string,
): Promise<readonly string[]> {
  const backend = createBackend({
    backend: pythonBackend(python, dataDir),
    client: { name: 'e2e', version: '0' },
  });
  try {
    await backend.startServer();
    const { items } = await backend.send('lessons.list', { studentId });
    return items.map(({ local }) => local.start);
  } finally {
    await backend.stopServer();
  }
}
