/** Changes of the database key: whatever ends them, no key is lost that may be the one. */

import { deepEqual, equal, match } from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { shimError } from '../shared/shimErrors';
import { makeKeyring, makePath, makeStore } from '../testing/keystores';
import { symbolOf } from '../testing/rig';

test('a change of keys has the new key on the disk before it is asked for', async (t) => {
  const path = makePath(t);
  const store = makeStore(path, makeKeyring('kwallet5'));
  const { key: old } = await store.databaseKey();
  let seen: unknown;
  let next = '';

  await store.changeKey(async (newKey) => {
    next = newKey;
    // What a start would be given if the app ended here.
    seen = await makeStore(path, makeKeyring('kwallet5')).databaseKey();
  });

  deepEqual(seen, { key: old, pending: next });
  for (const reader of [store, makeStore(path, makeKeyring('kwallet5'))]) {
    deepEqual(await reader.databaseKey(), { key: next });
  }
});

for (const [outcome, keeps] of [
  ['none', 'the old key'],
  ['committed', 'the new key'],
  ['unknown', 'both'],
] as const) {
  test(`a change of keys that fails with outcome ${outcome} keeps ${keeps}`, async (t) => {
    const path = makePath(t);
    const store = makeStore(path, makeKeyring('kwallet5'));
    const { key: old } = await store.databaseKey();
    let next = '';

    const failed = symbolOf(
      store.changeKey(async (newKey) => {
        next = newKey;
        throw shimError('BACKEND_LOST', { outcome });
      }),
    );

    equal(await failed, 'BACKEND_LOST');
    const kept = {
      none: { key: old },
      committed: { key: next },
      unknown: { key: old, pending: next },
    };
    deepEqual(await makeStore(path, makeKeyring('kwallet5')).databaseKey(), kept[outcome]);
  });
}

test('a change that may have got through, and is then refused, keeps both keys', async (t) => {
  const path = makePath(t);
  const store = makeStore(path, makeKeyring('kwallet5'));
  const { key: old } = await store.databaseKey();
  const failWith = (outcome: 'unknown' | 'none') => async () => {
    throw shimError('BACKEND_LOST', { outcome });
  };
  await symbolOf(store.changeKey(failWith('unknown')));
  const { pending } = await store.databaseKey();

  await symbolOf(makeStore(path, makeKeyring('kwallet5')).changeKey(failWith('none')));

  deepEqual(await store.databaseKey(), { key: old, pending });
});

test('of two changes at once the second waits, and judges no key of the first', async (t) => {
  const store = makeStore(makePath(t), makeKeyring('kwallet5'));
  const asked: string[] = [];
  const refuse = async (newKey: string): Promise<never> => {
    asked.push(newKey);
    throw shimError('BACKEND_LOST', { outcome: 'none' });
  };

  await Promise.allSettled([store.changeKey(refuse), store.changeKey(refuse)]);

  // The first one's was removed, for nothing had been done.
  equal(new Set(asked).size, 2);
});

/** Leave a change unfinished, its key under another user's keyring. */
async function leavePending(path: string, name: string): Promise<void> {
  const main = makeStore(path, makeKeyring('kwallet5'));
  await main.databaseKey();
  const text = readFileSync(path, 'utf8');
  await main.recover(await main.recoveryCode());
  const other = makeStore(`${path}.pending`, makeKeyring('kwallet5', name));
  await other.databaseKey();
  writeFileSync(path, text);
}

test('a pending key that cannot be read hides no other, and a change goes on without it', async (t) => {
  const path = makePath(t);
  await leavePending(path, 'bob');
  const store = makeStore(path, makeKeyring('kwallet5'));
  const unread = readFileSync(`${path}.pending`, 'utf8');

  deepEqual(Object.keys(await store.databaseKey()), ['key']);
  await store.changeKey(async () => undefined);

  deepEqual(Object.keys(await store.databaseKey()), ['key']);
  equal(readFileSync(`${path}.pending.old`, 'utf8'), unread);
});

test('a code recovers whatever is pending, and nothing that was there is lost', async (t) => {
  const path = makePath(t);
  const code = await makeStore(path, makeKeyring('kwallet5')).recoveryCode();
  await leavePending(path, 'ada');
  const before = [path, `${path}.old`, `${path}.pending`].map((one) => readFileSync(one, 'utf8'));
  const store = makeStore(path, makeKeyring('kwallet5'));

  await store.recover(code);
  await store.recover(code);

  deepEqual(Object.keys(await store.databaseKey()), ['key']);
  equal(await store.recoveryCode(), code);
  const after = readdirSync(join(path, '..')).map((name) =>
    readFileSync(join(path, '..', name), 'utf8'),
  );
  deepEqual(
    before.filter((text) => !after.includes(text)),
    [],
  );
});

test('a code is not written down while a change is unfinished', async (t) => {
  const path = makePath(t);
  await leavePending(path, 'ada');
  const store = makeStore(path, makeKeyring('kwallet5'));

  equal(await symbolOf(store.recoveryCode()), 'KEY_CHANGE_UNFINISHED');
  await store.changeKey(async () => undefined);

  match(await store.recoveryCode(), /^[0-9A-Z]{5}-/);
});

test('a change that was cut short goes on to the same key', async (t) => {
  const path = makePath(t);
  const asked: string[] = [];
  const cutShort = makeStore(path, undefined, 'correct horse');
  await cutShort
    .changeKey(async (newKey) => {
      asked.push(newKey);
      throw new Error('the power went');
    })
    .catch(() => undefined);

  const store = makeStore(path, undefined, 'correct horse');
  await store.changeKey(async (newKey) => asked.push(newKey));

  equal(asked[0], asked[1]);
  deepEqual(await store.databaseKey(), { key: asked[0] });
});
