/** Keeps the key of the database: one file, readable by nobody but this user on this machine. */

import { randomBytes } from 'crypto';
import { isJsonObject } from '../shared/json';
import { shimError } from '../shared/shimErrors';
import { base64Url } from './base64Url';
import {
  keyringOf,
  readWrapped,
  type SafeStoragePort,
  unwrapByKeyring,
  unwrapByPassphrase,
  type Wrapped,
  wrapByKeyring,
  wrapByPassphrase,
} from './keyWrap';
import { addPrivateFile, readIfThere, replacePrivateFile } from './privateFile';
import { fromRecoveryCode, toRecoveryCode } from './recoveryCode';

const format = 'electron-shim-key/1';

export interface KeystoreOptions {
  /** Where the wrapped key is kept, such as `<userData>/database.key`. */
  readonly path: string;
  /**
   * Ask for the passphrase: to protect a new key where the machine has no keyring, or to open one
   * that is protected so.
   */
  readonly passphrase?: (purpose: 'create' | 'open') => Promise<string>;
}

export interface Keystore {
  /**
   * Return the key in base64url, for `databaseKey`; it is made at the first use.
   *
   * @throws BackendError KEYRING_INSECURE, PASSPHRASE_REQUIRED, PASSPHRASE_WRONG, KEY_UNREADABLE
   */
  databaseKey(): Promise<string>;
  /** Return the key as a code to be written down: it opens the database without this machine. */
  recoveryCode(): Promise<string>;
  /**
   * Take the key from its code, and protect it anew; the file of before is kept as `.old`.
   *
   * @throws BackendError RECOVERY_CODE_WRONG, KEYRING_INSECURE, PASSPHRASE_REQUIRED
   */
  recover(code: string): Promise<void>;
  /** Tell what protects the key: the name of the keyring, `passphrase`, or nothing yet. */
  protection(): Promise<string | undefined>;
}

/** The machine's own part. */
export interface KeystorePort {
  readonly safeStorage: SafeStoragePort | undefined;
  readonly platform: string;
}

export class FileKeystore implements Keystore {
  readonly #options: KeystoreOptions;
  readonly #port: KeystorePort;
  #opening: Promise<Buffer> | undefined;

  constructor(options: KeystoreOptions, port: KeystorePort) {
    this.#options = options;
    this.#port = port;
  }

  async databaseKey(): Promise<string> {
    return base64Url(await this.#key());
  }

  async recoveryCode(): Promise<string> {
    return toRecoveryCode(await this.#key());
  }

  async recover(code: string): Promise<void> {
    const key = fromRecoveryCode(code);
    await replacePrivateFile(this.#options.path, write(await this.#wrap(key)));
    this.#opening = Promise.resolve(key);
  }

  async protection(): Promise<string | undefined> {
    const wrapped = await this.#read();
    return wrapped?.protection === 'keyring' ? wrapped.backend : wrapped?.protection;
  }

  /** Two who ask at once get one key, and one question. */
  #key(): Promise<Buffer> {
    this.#opening ??= this.#open();
    this.#opening.catch(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Buffer> {
    const wrapped = await this.#read();
    if (wrapped !== undefined) {
      return this.#unwrap(wrapped);
    }
    const key = randomBytes(32);
    // Never over another: a database may be encrypted with that.
    const isAdded = await addPrivateFile(this.#options.path, write(await this.#wrap(key)));
    return isAdded ? key : this.#open();
  }

  async #read(): Promise<Wrapped | undefined> {
    const text = await readIfThere(this.#options.path);
    return text === undefined ? undefined : read(text);
  }

  async #wrap(key: Buffer): Promise<Wrapped> {
    const { safeStorage, platform } = this.#port;
    const backend = await keyringOf(safeStorage, platform);
    if (safeStorage !== undefined && backend !== undefined) {
      return wrapByKeyring(safeStorage, backend, key);
    }
    if (this.#options.passphrase === undefined) {
      throw shimError('KEYRING_INSECURE');
    }
    return wrapByPassphrase(await this.#ask('create'), key);
  }

  async #unwrap(wrapped: Wrapped): Promise<Buffer> {
    return wrapped.protection === 'keyring'
      ? unwrapByKeyring(this.#port.safeStorage, wrapped)
      : unwrapByPassphrase(await this.#ask('open'), wrapped);
  }

  async #ask(purpose: 'create' | 'open'): Promise<string> {
    const passphrase = (await this.#options.passphrase?.(purpose)) ?? '';
    if (passphrase === '') {
      throw shimError('PASSPHRASE_REQUIRED');
    }
    return passphrase;
  }
}

function write(wrapped: Wrapped): string {
  return `${JSON.stringify({ format, ...wrapped }, undefined, 2)}\n`;
}

function read(text: string): Wrapped {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value) || value['format'] !== format) {
    throw shimError('KEY_UNREADABLE');
  }
  return readWrapped(value);
}
