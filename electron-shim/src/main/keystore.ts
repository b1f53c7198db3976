/** Keeps the key of the database: one file, readable by nobody but this user on this machine. */

import { randomBytes } from 'crypto';
import { BackendError, type Outcome } from '../shared/errors';
import { type ShimSymbol, shimError } from '../shared/shimErrors';
import { base64Url } from './base64Url';
import { readKeyFile, writeKeyFile } from './keyFile';
import {
  keyringOf,
  type SafeStoragePort,
  unwrapByKeyring,
  unwrapByPassphrase,
  type Wrapped,
  wrapByKeyring,
  wrapByPassphrase,
} from './keyWrap';
import type { DatabaseKey } from './options';
import {
  addPrivateFile,
  readIfThere,
  removeFile,
  replacePrivateFile,
  setAside,
} from './privateFile';
import { fromRecoveryCode, toRecoveryCode } from './recoveryCode';

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
  /**
   * Return the key as a code to be written down: it opens the database without this machine.
   *
   * @throws BackendError KEY_CHANGE_UNFINISHED: it may be the key of before; those of `databaseKey`
   */
  recoveryCode(): Promise<string>;
  /**
   * Take the key from its code, and protect it anew; what was there before, a pending key as
   * well, is kept beside it as `.old`, `.old.1` and so on.
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
  /** Settles once the last change is over: two at once would judge each other's pending key. */
  #changed: Promise<unknown> = Promise.resolve();
  /** Remembered, so that one start asks once. */
  #passphrase: string | undefined;

  constructor(options: KeystoreOptions, port: KeystorePort) {
    this.#options = options;
    this.#port = port;
    this.#pendingPath = `${options.path}.pending`;
  }

  async databaseKey(): Promise<DatabaseKey> {
    const key = base64Url(await this.#key());
    const pending = await this.#pending();
    return pending === undefined ? { key } : { key, pending: base64Url(pending) };
  }

  changeKey(rekey: (newDatabaseKey: string) => Promise<unknown>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#key();
      const pending = await this.#pending();
      if (pending === undefined) {
        // One that cannot be read was given to no backend; the one that serves was opened without.
        await setAside(this.#pendingPath);
      }
      const next = pending ?? (await this.#openOrMake(this.#pendingPath));
      try {
        await rekey(base64Url(next));
      } catch (error) {
        const outcome = outcomeOf(error);
        // That nothing was done now says nothing of an earlier try, which may have got through.
        await this.#settle(outcome === 'none' && pending !== undefined ? 'unknown' : outcome, next);
        throw error;
      }
      await this.#settle('committed', next);
    });
  }

  async recoveryCode(): Promise<string> {
    const key = await this.#key();
    if ((await readIfThere(this.#pendingPath)) !== undefined) {
      throw shimError('KEY_CHANGE_UNFINISHED');
    }
    return toRecoveryCode(key);
  }

  recover(code: string): Promise<void> {
    return this.#inTurn(async () => {
      const key = fromRecoveryCode(code);
      this.#passphrase = undefined;
      await this.#rewrap(this.#options.path, key);
      await setAside(this.#pendingPath);
      this.#opening = Promise.resolve(key);
    });
  }

  async protection(): Promise<string | undefined> {
    const wrapped = await readKeyFile(this.#options.path);
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

  /** Return the key whose change is not over; one that cannot be read hides no other. */
  async #pending(): Promise<Buffer | undefined> {
    try {
      return await this.#open(this.#pendingPath);
    } catch (error) {
      if (error instanceof BackendError && unreadable.includes(error.symbol)) {
        return undefined;
      }
      throw error;
    }
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#changed.then(change);
    this.#changed = done.catch(() => undefined);
    return done;
  }

  /** Keep the new key, or the old one, or both while nobody knows. */
  async #settle(outcome: Outcome, next: Buffer): Promise<void> {
    if (outcome === 'committed') {
      await this.#rewrap(this.#options.path, next);
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
    const isAdded = await addPrivateFile(path, writeKeyFile(await this.#wrap(key)));
    return isAdded ? key : this.#openOrMake(path);
  }

  async #open(path: string): Promise<Buffer | undefined> {
    const wrapped = await readKeyFile(path);
    if (wrapped === undefined) {
      return undefined;
    }
    if (wrapped.protection === 'keyring') {
      const { key, isOutdated } = await unwrapByKeyring(this.#port.safeStorage, wrapped);
      if (isOutdated) {
        // It can still be read, and whoever only reads is not to fail for a full disk.
        await this.#rewrap(path, key).catch(() => undefined);
      }
      return key;
    }
    const passphrase = this.#passphrase ?? (await this.#ask('open'));
    const key = await unwrapByPassphrase(passphrase, wrapped);
    this.#passphrase = passphrase;
    return key;
  }

  async #rewrap(path: string, key: Buffer): Promise<void> {
    await replacePrivateFile(path, writeKeyFile(await this.#wrap(key)));
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

/** What the passphrase of the key itself does not open, no other will. */
const unreadable: readonly string[] = [
  'KEY_UNREADABLE',
  'PASSPHRASE_WRONG',
] satisfies readonly ShimSymbol[];

/** Errors of strangers say nothing of what was done. */
function outcomeOf(error: unknown): Outcome {
  return error instanceof BackendError ? error.outcome : 'unknown';
}
