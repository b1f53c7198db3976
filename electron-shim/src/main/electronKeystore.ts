/** The keystore over Electron's `safeStorage`, where the version has one. */

import { app, safeStorage } from 'electron';
import { FileKeystore, type Keystore, type KeystoreOptions } from './keystore';
import type { SafeStoragePort } from './keyWrap';

/** Keep the database key in a file that this machine's keyring, or a passphrase, protects. */
export function createKeystore(options: KeystoreOptions): Keystore {
  const port = {
    // Before Electron 15 there is none.
    safeStorage: safeStorage as SafeStoragePort | undefined,
    platform: process.platform,
  };
  const keystore = new FileKeystore(options, port);
  /** No keyring can be asked before. */
  const ready = async (): Promise<Keystore> => {
    await app.whenReady();
    return keystore;
  };
  return {
    databaseKey: async () => (await ready()).databaseKey(),
    changeKey: async (rekey) => (await ready()).changeKey(rekey),
    recoveryCode: async () => (await ready()).recoveryCode(),
    recover: async (code) => (await ready()).recover(code),
    protection: async () => (await ready()).protection(),
  };
}
