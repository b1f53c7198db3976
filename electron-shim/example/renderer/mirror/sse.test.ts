import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { EventParser } from './sse';

const stream =
  'retry: 2000\nid: 7\n\n: still here\n\nid: 8\nevent: event\ndata: {"seq":8}\n\n' +
  'data: one\r\ndata:two\r\n\r\nid: 9\rdata\r\r\n';

test('a stream is cut into its messages wherever its chunks end', () => {
  for (let size = 1; size <= stream.length; size += 1) {
    const parser = new EventParser();
    const chunks = stream.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];

    const messages = chunks.flatMap((chunk) => parser.push(chunk));

    deepEqual(messages, [
      { event: 'event', data: '{"seq":8}' },
      { event: 'message', data: 'one\ntwo' },
      { event: 'message', data: '' },
    ]);
    equal(parser.lastId, '9');
  }
});

test('an id is known before there is any event', () => {
  const parser = new EventParser();

  deepEqual(parser.push('id: 41\n\n'), []);

  equal(parser.lastId, '41');
});
