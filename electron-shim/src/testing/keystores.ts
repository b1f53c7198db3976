/** Keystores in folders of their own, over keyrings that are none. */

import type { TestContext } from 'node:test';
import { mkdtempSync, rmSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { FileKeystore, type KeystoreOptions } from '../main/keystore';
import type { SafeStoragePort } from '../main/keyWrap';

export function makePath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'shim-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'new', 'database.key');
}

/** A keyring that reverses: whoever has another *name* cannot read it. */
export function makeKeyring(backend: string, name = 'ada'): SafeStoragePort {
  const encrypt = (text: string): Buffer => Buffer.from(`${name}:${[...text].reverse().join('')}`);
  return {
    isEncryptionAvailable: () => true,
    encryptString: encrypt,
    decryptString: (bytes) => {
      const [owner, text = ''] = bytes.toString().split(':');
      if (owner !== name) {
        throw new Error('not yours');
      }
      return [...text].reverse().join('');
    },
    getSelectedStorageBackend: () => backend,
  };
}

/** The same with the methods of newer versions, the old ones gone. */
export function makeAsyncKeyring(): SafeStoragePort {
  const sync = makeKeyring('kwallet6');
  return {
    isAsyncEncryptionAvailable: async () => true,
    encryptStringAsync: async (text) => sync.encryptString?.(text) ?? Buffer.of(),
    decryptStringAsync: async (bytes) => ({ result: sync.decryptString?.(bytes) ?? '' }),
    getSelectedStorageBackend: () => 'kwallet6',
  };
}

export function makeStore(
  path: string,
  safeStorage: SafeStoragePort | undefined,
  passphrase?: string,
): FileKeystore {
  const options: KeystoreOptions = {
    path,
    ...(passphrase === undefined ? {} : { passphrase: async () => passphrase }),
  };
  return new FileKeystore(options, { safeStorage, platform: 'linux' });
}
