/** Keeps the key of the database: one file, readable by nobody but this user on this machine. */

import { randomBytes } from 'crypto';
import { BackendError, type Outcome } from '../shared/errors';
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
import type { DatabaseKey } from './options';
import { addPrivateFile, readIfThere, removeFile, replacePrivateFile } from './privateFile';
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
   * Return the key for the option of that name; it is made at the first use.
   *
   * @throws BackendError KEYRING_INSECURE, PASSPHRASE_REQUIRED, PASSPHRASE_WRONG, KEY_UNREADABLE
   */
  databaseKey(): Promise<DatabaseKey>;
  /**
   * Draw another key, let *rekey* encrypt the store with it, and keep it from then on.
   *
   * It is on the disk before *rekey* is called, and both are kept until it is known which one
   * counts: a change that was cut short is finished by calling this again.
   *
   * @throws what *rekey* throws; those of `databaseKey`
   */
  changeKey(rekey: (newDatabaseKey: string) => Promise<unknown>): Promise<void>;
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
  /** Where a key waits for the end of its change. */
  readonly #pendingPath: string;
  #opening: Promise<Buffer> | undefined;
  /** Remembered, so that one start asks once. */
  #passphrase: string | undefined;

  constructor(options: KeystoreOptions, port: KeystorePort) {
    this.#options = options;
    this.#port = port;
    this.#pendingPath = `${options.path}.pending`;
  }

  async databaseKey(): Promise<DatabaseKey> {
    const key = base64Url(await this.#key());
    const pending = await this.#open(this.#pendingPath);
    return pending === undefined ? { key } : { key, pending: base64Url(pending) };
  }

  async changeKey(rekey: (newDatabaseKey: string) => Promise<unknown>): Promise<void> {
    await this.#key();
    const next = await this.#openOrMake(this.#pendingPath);
    try {
      await rekey(base64Url(next));
    } catch (error) {
      await this.#settle(outcomeOf(error), next);
      throw error;
    }
    await this.#settle('committed', next);
  }

  async recoveryCode(): Promise<string> {
    return toRecoveryCode(await this.#key());
  }

  async recover(code: string): Promise<void> {
    const key = fromRecoveryCode(code);
    this.#passphrase = undefined;
    await replacePrivateFile(this.#options.path, write(await this.#wrap(key)));
    this.#opening = Promise.resolve(key);
  }

  async protection(): Promise<string | undefined> {
    const wrapped = await readWrappedFile(this.#options.path);
    return wrapped?.protection === 'keyring' ? wrapped.backend : wrapped?.protection;
  }

  /** Two who ask at once get one key, and one question. */
  #key(): Promise<Buffer> {
    this.#opening ??= this.#openOrMake(this.#options.path);
    this.#opening.catch(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Keep the new key, or the old one, or both while nobody knows. */
  async #settle(outcome: Outcome, next: Buffer): Promise<void> {
    if (outcome === 'committed') {
      await replacePrivateFile(this.#options.path, write(await this.#wrap(next)));
      this.#opening = Promise.resolve(next);
    }
    if (outcome !== 'unknown') {
      await removeFile(this.#pendingPath);
    }
  }

  async #openOrMake(path: string): Promise<Buffer> {
    const found = await this.#open(path);
    if (found !== undefined) {
      return found;
    }
    const key = randomBytes(32);
    // Never over another: a database may be encrypted with that.
    const isAdded = await addPrivateFile(path, write(await this.#wrap(key)));
    return isAdded ? key : this.#openOrMake(path);
  }

  async #open(path: string): Promise<Buffer | undefined> {
    const wrapped = await readWrappedFile(path);
    if (wrapped === undefined) {
      return undefined;
    }
    if (wrapped.protection === 'keyring') {
      return unwrapByKeyring(this.#port.safeStorage, wrapped);
    }
    const passphrase = this.#passphrase ?? (await this.#ask('open'));
    const key = await unwrapByPassphrase(passphrase, wrapped);
    this.#passphrase = passphrase;
    return key;
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
    this.#passphrase ??= await this.#ask('create');
    return wrapByPassphrase(this.#passphrase, key);
  }

  async #ask(purpose: 'create' | 'open'): Promise<string> {
    const passphrase = (await this.#options.passphrase?.(purpose)) ?? '';
    if (passphrase === '') {
      throw shimError('PASSPHRASE_REQUIRED');
    }
    return passphrase;
  }
}

/** Errors of strangers say nothing of what was done. */
function outcomeOf(error: unknown): Outcome {
  return error instanceof BackendError ? error.outcome : 'unknown';
}

async function readWrappedFile(path: string): Promise<Wrapped | undefined> {
  const text = await readIfThere(path);
  return text === undefined ? undefined : read(text);
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
