import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter } from './lines';

function split(chunks: readonly Buffer[], maxLineBytes = 1_000): readonly (string | number)[] {
  const seen: (string | number)[] = [];
  const splitter = new LineSplitter(maxLineBytes, {
    line: (bytes) => seen.push(bytes.toString()),
    oversize: (bytes) => seen.push(bytes),
  });
  for (const chunk of chunks) {
    splitter.push(chunk);
  }
  return seen;
}

const bytesOf = (text: string): readonly Buffer[] =>
  [...Buffer.from(text)].map((byte) => Buffer.of(byte));

test('one byte at a time gives the same lines as all at once', () => {
  const text = '{"é":1}\n\nzwei ✓\nhalf';

  deepEqual(split(bytesOf(text)), ['{"é":1}', '', 'zwei ✓']);
  deepEqual(split([Buffer.from(text)]), ['{"é":1}', '', 'zwei ✓']);
});

test('U+2028, U+2029, NEL and a lone CR are data', () => {
  const line = 'a\u2028b\u2029c\u0085d\re';

  deepEqual(split([Buffer.from(`${line}\n`)]), [line]);
});

test('a line over the limit is dropped with its size and the next one is read', () => {
  deepEqual(split(bytesOf('1234567\n123456\nok\n'), 6), [7, '123456', 'ok']);
});

test('half a line is not told', () => {
  deepEqual(split([Buffer.from('half a line')]), []);
});

test('a line of 30 MB arrives whole', () => {
  const chunk = Buffer.alloc(65_536, 'x');
  const chunks = [...Array.from({ length: 458 }, () => chunk), Buffer.from('\n')];

  const [line] = split(chunks, 2 ** 25);

  equal(typeof line === 'string' ? line.length : line, 458 * 65_536);
});
