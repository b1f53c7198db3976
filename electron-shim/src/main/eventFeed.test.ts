import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { readErrorObject } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import { symbolOf } from '../testing/rig';
import { EventFeed } from './eventFeed';

/** A backend whose last event is *headSeq*, and what it was asked. */
function makeBackend(headSeq: number): {
  readonly asked: readonly JsonObject[];
  readonly call: (channel: string, params: JsonObject) => Promise<JsonObject>;
} {
  const asked: JsonObject[] = [];
  const call = async (_channel: string, params: JsonObject): Promise<JsonObject> => {
    asked.push(params);
    if (Number(params['afterSeq'] ?? 0) > headSeq) {
      throw readErrorObject(1110, 'invalid', { code: 'CURSOR_INVALID' });
    }
    return { subscriptionId: 'sub_1', headSeq };
  };
  return { asked, call };
}

test('a second subscription goes on after the last event heard', async () => {
  const feed = new EventFeed(['lessons.booked']);
  await feed.subscribe(makeBackend(7).call);
  equal(feed.accept(9), true);

  const { asked, call } = makeBackend(12);
  await feed.subscribe(call);

  deepEqual(asked, [{ types: ['lessons.booked'], afterSeq: 9 }]);
  deepEqual([feed.accept(9), feed.accept(10)], [false, true]);
});

test('a store that is behind what was heard is followed from its own head', async () => {
  const feed = new EventFeed('all');
  await feed.subscribe(makeBackend(100).call);

  const { asked, call } = makeBackend(5);
  await feed.subscribe(call);

  deepEqual(asked, [{ afterSeq: 100 }, {}]);
  deepEqual([feed.accept(5), feed.accept(6)], [false, true]);
});

test('any other refusal is told', async () => {
  const feed = new EventFeed('all');
  await feed.subscribe(makeBackend(1).call);
  const refused = readErrorObject(1003, 'no', { code: 'FORBIDDEN' });

  equal(await symbolOf(feed.subscribe(() => Promise.reject(refused))), 'FORBIDDEN');
});
