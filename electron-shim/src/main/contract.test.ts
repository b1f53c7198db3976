/** Every reply recorded by the Python tests must be one that this shim reads. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Channel, channelNames } from '../generated/channels.gen';
import { readErrorObject } from '../shared/errors';
import { isJsonObject, type JsonObject } from '../shared/json';
import { repository } from '../testing/rig';
import { requireObject } from './call';
import { readMessages } from './ndjson';

const folder = join(repository, 'tests/contract');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

function load(file: string): JsonObject {
  const value: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  return isJsonObject(value) ? value : {};
}

for (const file of files) {
  test(`${file} is a reply this shim reads`, () => {
    const { channel, params, response } = load(file);

    ok(channelNames.includes(channel as Channel), `${String(channel)} is not generated`);
    ok(isJsonObject(params));
    const messages = readMessages(Buffer.from(JSON.stringify(response)));
    ok(typeof messages !== 'string' && messages.length === 1, String(messages));
    readReply(messages[0]);
  });
}

function readReply(message: unknown): void {
  const { result, error } = isJsonObject(message) ? message : {};
  if (!isJsonObject(error)) {
    ok(requireObject(result));
    return;
  }
  const data = isJsonObject(error['data']) ? error['data'] : {};
  const failure = readErrorObject(Number(error['code']), String(error['message']), data);
  deepEqual(
    [
      failure.code,
      failure.symbol,
      failure.type,
      failure.message,
      failure.retryable,
      failure.outcome,
    ],
    [
      error['code'],
      data['code'],
      data['type'],
      data['message'],
      data['retryable'],
      data['outcome'],
    ],
  );
  deepEqual(failure.details ?? null, data['details'] ?? null);
}

test('there are recorded replies', () => {
  ok(files.length > 0);
});

test('the life-cycle channels are part of the contract', () => {
  for (const channel of ['initialize', 'ping', 'shutdown', 'events.subscribe'] as const) {
    equal(channelNames.includes(channel), true);
  }
});
