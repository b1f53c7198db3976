import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type BackendError, readErrorObject } from '../shared/errors';
import type { JsonObject } from '../shared/json';
import type { BackendEvent } from '../shared/protocol';
import { shimError } from '../shared/shimErrors';
import { symbolOf } from '../testing/rig';
import { EventFeed } from './eventFeed';
import { Subscription } from './subscription';

const event: BackendEvent = {
  seq: 0,
  id: 'evt_1',
  type: 'lessons.booked',
  at: '2026-11-30T00:00:00Z',
  actor: 'usr_1',
  aggregate: { type: 'lesson', id: 'les_1', version: 1 },
  data: {},
};

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

test('a restored store is followed from the event that tells of it, though numbers go back', async () => {
  const backend = makeBackend(12);
  const warnings: BackendError[] = [];
  const subscription = new Subscription('all', backend.call, (error) => warnings.push(error));
  await subscription.make();

  const restored = subscription.accepts({ ...event, seq: 5, type: 'backups.restored' });
  await subscription.made;

  deepEqual([restored, backend.asked, warnings], [true, [{}, { afterSeq: 5 }], []]);
  deepEqual(
    [5, 6].map((seq) => subscription.accepts({ ...event, seq })),
    [false, true],
  );
});

for (const [what, refused] of [
  ['a subscription that nobody answers', shimError('CALL_TIMEOUT', { outcome: 'unknown' })],
  ['a refusal that asks for no pause', shimError('CALLS_EXHAUSTED', { retryAfterMs: 0 })],
] as const) {
  test(`${what} is tried again, a second later`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let tries = 0;
    const call = async (): Promise<JsonObject> => {
      tries += 1;
      throw refused;
    };
    const subscription = new Subscription('all', call, () => undefined);
    await subscription.make();

    t.mock.timers.tick(999);
    equal(tries, 1);
    t.mock.timers.tick(1);
    await subscription.made;

    equal(tries, 2);
    subscription.forget();
  });
}
