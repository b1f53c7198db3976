import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAsyncKeyring, makeKeyring, makePath, makeStore } from '../testing/keystores';
import { failureOf, symbolOf } from '../testing/rig';
import { FileKeystore } from './keystore';
import type { SafeStoragePort } from './keyWrap';

for (const [what, makeStorage] of [
  ['an old', () => makeKeyring('gnome_libsecret')],
  ['a new', makeAsyncKeyring],
] as const) {
  test(`${what} keyring keeps a key: the same at every start, and not readable in the file`, async (t) => {
    const path = makePath(t);

    const { key } = await makeStore(path, makeStorage()).databaseKey();
    const { key: again } = await makeStore(path, makeStorage()).databaseKey();

    match(key, /^[A-Za-z0-9_-]{43}$/);
    equal(again, key);
    const text = readFileSync(path, 'utf8');
    equal(text.includes(Buffer.from(key, 'base64').toString('base64')), false);
  });
}

test('the file is private, names what protects it, and leaves no draft behind', async (t) => {
  const path = makePath(t);
  const store = makeStore(path, makeKeyring('gnome_libsecret'));
  equal(await store.protection(), undefined);

  await store.databaseKey();

  equal(await store.protection(), 'gnome_libsecret');
  deepEqual(readdirSync(join(path, '..')), ['database.key']);
  if (process.platform !== 'win32') {
    equal(statSync(path).mode & 0o777, 0o600);
  }
});

for (const [what, storage] of [
  ['basic_text', makeKeyring('basic_text')],
  ['a keyring that is not ready', makeKeyring('unknown')],
  ['a keyring that is not available', { isEncryptionAvailable: () => false }],
  ['no safeStorage at all', undefined],
] as const) {
  test(`${what} is refused without a passphrase, and never used with one`, async (t) => {
    const path = makePath(t);

    equal(await symbolOf(makeStore(path, storage).databaseKey()), 'KEYRING_INSECURE');
    const store = makeStore(path, storage, 'correct horse');
    const key = await store.databaseKey();

    equal(await store.protection(), 'passphrase');
    deepEqual(await makeStore(path, storage, 'correct horse').databaseKey(), key);
  });
}

test('a wrong passphrase and a missing one are told apart, and asked for again', async (t) => {
  const path = makePath(t);
  const key = await makeStore(path, undefined, 'Zürich').databaseKey();
  const given = ['wrong', '', 'Zu\u0308rich'];
  const store = new FileKeystore(
    { path, passphrase: async () => given.shift() ?? '' },
    { safeStorage: undefined, platform: 'linux' },
  );

  equal(await symbolOf(store.databaseKey()), 'PASSPHRASE_WRONG');
  equal(await symbolOf(store.databaseKey()), 'PASSPHRASE_REQUIRED');
  // The same word, typed on a machine that writes the umlaut in two characters.
  deepEqual(await store.databaseKey(), key);
});

test('two who ask at once get one key, and one question', async (t) => {
  let questions = 0;
  const store = new FileKeystore(
    {
      path: makePath(t),
      passphrase: async () => {
        questions += 1;
        return 'correct horse';
      },
    },
    { safeStorage: undefined, platform: 'linux' },
  );

  const [first, second] = await Promise.all([store.databaseKey(), store.databaseKey()]);

  deepEqual([first, questions], [second, 1]);
});

test('two apps that start at once end up with one key', async (t) => {
  const path = makePath(t);
  const stores = Array.from({ length: 8 }, () => makeStore(path, makeKeyring('kwallet5')));

  const keys = await Promise.all(stores.map((store) => store.databaseKey()));

  equal(new Set(keys.map(({ key }) => key)).size, 1);
});

test("another user's key is unreadable, and its code brings it back", async (t) => {
  const path = makePath(t);
  const mine = makeStore(path, makeKeyring('gnome_libsecret', 'ada'));
  const key = await mine.databaseKey();
  const code = await mine.recoveryCode();
  const theirs = makeStore(path, makeKeyring('kwallet6', 'bob'));

  const failure = await failureOf(theirs.databaseKey());
  deepEqual([failure.symbol, failure.details], ['KEY_UNREADABLE', { backend: 'gnome_libsecret' }]);
  await theirs.recover(code.toLowerCase().replace(/-/g, ' '));

  deepEqual(await theirs.databaseKey(), key);
  deepEqual(await makeStore(path, makeKeyring('kwallet6', 'bob')).databaseKey(), key);
  ok(readdirSync(join(path, '..')).includes('database.key.old'));
});

test('a damaged file is told, and nothing is written over it', async (t) => {
  const path = makePath(t);
  await makeStore(path, makeKeyring('kwallet5')).databaseKey();
  for (const damage of ['', '{}', '{"format":"electron-shim-key/1","protection":"magic"}', 'x']) {
    chmodSync(path, 0o600);
    writeFileSync(path, damage);

    equal(await symbolOf(makeStore(path, makeKeyring('kwallet5')).databaseKey()), 'KEY_UNREADABLE');

    equal(readFileSync(path, 'utf8'), damage);
  }
});

test('a flipped bit in a key under a passphrase is no key', async (t) => {
  const path = makePath(t);
  await makeStore(path, undefined, 'correct horse').databaseKey();
  const file = JSON.parse(readFileSync(path, 'utf8')) as { ciphertext: string };
  const bytes = Buffer.from(file.ciphertext, 'base64');
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
  writeFileSync(path, JSON.stringify({ ...file, ciphertext: bytes.toString('base64') }));

  equal(
    await symbolOf(makeStore(path, undefined, 'correct horse').databaseKey()),
    'PASSPHRASE_WRONG',
  );
});

test('a code with a wrong, missing or swapped character is refused, and changes nothing', async (t) => {
  const path = makePath(t);
  const store = makeStore(path, makeKeyring('kwallet5'));
  const code = await store.recoveryCode();
  const other = code.startsWith('0') ? '1' : '0';
  match(code, /^([0-9A-Z]{5}-){10}[0-9A-Z]{5}$/);

  for (const wrong of [other + code.slice(1), code.slice(0, -1), `${code}0`, '', 'U'.repeat(55)]) {
    equal(await symbolOf(store.recover(wrong)), 'RECOVERY_CODE_WRONG');
  }

  equal(await makeStore(path, makeKeyring('kwallet5')).recoveryCode(), code);
});

test('a key that its keyring wants wrapped anew is', async (t) => {
  const path = makePath(t);
  const key = await makeStore(path, makeAsyncKeyring()).databaseKey();
  const text = readFileSync(path, 'utf8');
  const keyring = makeAsyncKeyring();
  const rotated: SafeStoragePort = {
    ...keyring,
    encryptStringAsync: async (plain) => Buffer.from(`new:${plain}`),
    decryptStringAsync: async (bytes) => {
      const [owner, plain = ''] = bytes.toString().split(':');
      return owner === 'new'
        ? { result: plain, shouldReEncrypt: false }
        : { result: [...plain].reverse().join(''), shouldReEncrypt: true };
    },
  };

  deepEqual(await makeStore(path, rotated).databaseKey(), key);

  equal(readFileSync(path, 'utf8') === text, false);
  deepEqual(await makeStore(path, rotated).databaseKey(), key);
});

test('a keyring that encrypts nothing keeps no empty key', async (t) => {
  const path = makePath(t);
  const keyring = {
    isEncryptionAvailable: () => true,
    getSelectedStorageBackend: () => 'kwallet5',
  };

  equal(await symbolOf(makeStore(path, keyring).databaseKey()), 'KEYRING_INSECURE');
});

for (const damage of [{ cost: 3 }, { cost: 2 ** 40 }, { parallelization: 2 ** 17 }]) {
  test(`a passphrase's parameters damaged to ${JSON.stringify(damage)} are told at once`, async (t) => {
    const path = makePath(t);
    await makeStore(path, undefined, 'correct horse').databaseKey();
    const file = JSON.parse(readFileSync(path, 'utf8')) as { kdf: object };
    writeFileSync(path, JSON.stringify({ ...file, kdf: { ...file.kdf, ...damage } }));

    const failed = symbolOf(makeStore(path, undefined, 'correct horse').databaseKey());

    equal(await failed, 'KEY_UNREADABLE');
  });
}
