import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LogFile } from './logFile';

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'shim-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function fail(error: unknown): never {
  throw error;
}

test('lines are written with their time, and after those of the last run', async (t) => {
  const path = join(makeFolder(t), 'logs', 'backend.log');

  for (const line of ['first', 'zwölfter']) {
    const log = new LogFile({ path }, fail);
    log.write(line);
    await log.close();
  }

  const lines = readFileSync(path, 'utf8').split('\n');
  match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]{12}Z first$/);
  deepEqual(
    lines.map((line) => line.slice(25)),
    ['first', 'zwölfter', ''],
  );
  if (process.platform !== 'win32') {
    equal(statSync(path).mode & 0o777, 0o600);
  }
});

test('a full file makes room, the oldest goes, and no line is lost on the way', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'backend.log');
  const log = new LogFile({ path, maxBytes: 100, keepFiles: 2 }, fail);

  for (let number = 10; number < 40; number += 1) {
    log.write(`line ${number}`);
  }
  await log.close();

  const files = readdirSync(folder).sort();
  deepEqual(files, ['backend.log', 'backend.log.1', 'backend.log.2']);
  const kept = [...files].reverse().flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    ok(text.length < 100 + 40);
    return text
      .trim()
      .split('\n')
      .map((line) => Number(line.slice(-2)));
  });
  deepEqual(
    kept,
    kept.map((_, index) => 40 - kept.length + index),
  );
});

test('a file that was full when the app started is not written into', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'backend.log');
  writeFileSync(path, 'x'.repeat(200));
  const log = new LogFile({ path, maxBytes: 100 }, fail);

  log.write('new');
  await log.close();

  deepEqual(
    [readFileSync(`${path}.1`, 'utf8').length, readFileSync(path, 'utf8').slice(25)],
    [200, 'new\n'],
  );
});

test('a place where nothing can be written is told once, and harms nobody', (t) => {
  const path = join(makeFolder(t), 'file');
  writeFileSync(path, '');
  const errors: unknown[] = [];
  const log = new LogFile({ path: join(path, 'below', 'backend.log') }, (error) => {
    errors.push(error);
  });

  log.write('one');
  log.write('two');

  equal(errors.length, 1);
});
