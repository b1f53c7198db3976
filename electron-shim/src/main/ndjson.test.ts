import { deepEqual, equal } from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Message } from 'vscode-jsonrpc/node';
import { NdjsonReader, NdjsonWriter, type Noise } from './ndjson';

function read(text: string): {
  readonly messages: readonly Message[];
  readonly noise: readonly Noise[];
} {
  const messages: Message[] = [];
  const noise: Noise[] = [];
  const input = new PassThrough();
  new NdjsonReader(input, 100, (heard) => noise.push(heard)).listen((message) => {
    messages.push(message);
  });
  // A flowing stream hands a chunk on within the same call.
  input.emit('data', Buffer.from(text));
  return { messages, noise };
}

test('a stray print is noise and the message behind it is read', () => {
  const { messages, noise } = read('Loading…\n{"jsonrpc":"2.0","method":"a"}\r\n');

  deepEqual(messages, [{ jsonrpc: '2.0', method: 'a' }]);
  deepEqual(noise, [{ reason: 'not-json', bytes: 10, sample: 'Loading…' }]);
});

test('JSON that is no JSON-RPC 2.0 is noise', () => {
  const { messages, noise } = read('42\n{}\n[]\n[{"jsonrpc":"2.0"},7]\nnull\n');

  deepEqual(messages, []);
  deepEqual(new Set(noise.map(({ reason }) => reason)), new Set(['not-a-message']));
  equal(noise.length, 5);
});

test('a batch is delivered element by element', () => {
  const { messages } = read('[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]\n');

  equal(messages.length, 2);
});

test('blank lines are ignored', () => {
  const { messages, noise } = read('\n\r\n  \t\n');

  deepEqual({ messages, noise }, { messages: [], noise: [] });
});

test('a line over the limit is noise of its size', () => {
  const { noise } = read(`"${'x'.repeat(200)}"\n`);

  deepEqual(noise, [{ reason: 'oversize', bytes: 202, sample: '' }]);
});

test('messages are written one a line in the order of the calls', async () => {
  const output = new PassThrough();
  const writer = new NdjsonWriter(output);
  const message = (method: string): Message => ({ jsonrpc: '2.0', method }) as Message;

  await Promise.all([writer.write(message('a')), writer.write(message('b\n'))]);

  equal(
    String(output.read()),
    '{"jsonrpc":"2.0","method":"a"}\n{"jsonrpc":"2.0","method":"b\\n"}\n',
  );
});
