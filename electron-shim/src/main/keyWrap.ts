/** Wraps the database key for the disk: by the machine's keyring, or by a passphrase. */

import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'crypto';
import { isJsonObject } from '../shared/json';
import { shimError } from '../shared/shimErrors';

/** Electron's `safeStorage`, as far as it is used; its methods differ by version. */
export interface SafeStoragePort {
  isAsyncEncryptionAvailable?(): Promise<boolean>;
  encryptStringAsync?(text: string): Promise<Buffer>;
  decryptStringAsync?(
    encrypted: Buffer,
  ): Promise<{ readonly result: string; readonly shouldReEncrypt?: boolean }>;
  isEncryptionAvailable?(): boolean;
  encryptString?(text: string): Buffer;
  decryptString?(encrypted: Buffer): string;
  /** Linux only. */
  getSelectedStorageBackend?(): string;
}

/** A wrapped key, as it stands in its file. */
export type Wrapped =
  | { readonly protection: 'keyring'; readonly backend: string; readonly ciphertext: string }
  | {
      readonly protection: 'passphrase';
      readonly kdf: Scrypt;
      readonly nonce: string;
      readonly tag: string;
      readonly ciphertext: string;
    };

interface Scrypt {
  readonly name: 'scrypt';
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: string;
}

// One of OWASP's equal choices (Password Storage Cheat Sheet, 2025) that takes 32 MiB at a time.
const strength = { name: 'scrypt', cost: 2 ** 15, blockSize: 8, parallelization: 3 } as const;

const maxParallelization = 16;

/**
 * Name the keyring that `safeStorage` encrypts with; undefined when that keeps nothing secret.
 *
 * `basic_text` is a password that is part of Chromium's source, and `unknown` that the app is not
 * ready yet (electron.md failure mode 26).
 */
export async function keyringOf(
  storage: SafeStoragePort | undefined,
  platform: string,
): Promise<string | undefined> {
  const isAvailable =
    storage?.isAsyncEncryptionAvailable === undefined
      ? storage?.isEncryptionAvailable?.()
      : await storage.isAsyncEncryptionAvailable();
  if (isAvailable !== true) {
    return undefined;
  }
  const named = platform === 'darwin' ? 'keychain' : platform === 'win32' ? 'dpapi' : 'unknown';
  const backend = storage?.getSelectedStorageBackend?.() ?? named;
  return backend === 'basic_text' || backend === 'unknown' ? undefined : backend;
}

export async function wrapByKeyring(
  storage: SafeStoragePort,
  backend: string,
  key: Buffer,
): Promise<Wrapped> {
  const text = key.toString('base64');
  const ciphertext = (await storage.encryptStringAsync?.(text)) ?? storage.encryptString?.(text);
  if (ciphertext === undefined) {
    throw shimError('KEYRING_INSECURE');
  }
  return { protection: 'keyring', backend, ciphertext: ciphertext.toString('base64') };
}

/** A key from the keyring, and whether that asks for it to be wrapped anew. */
interface Unwrapped {
  readonly key: Buffer;
  readonly isOutdated: boolean;
}

/** @throws BackendError KEY_UNREADABLE: another user's, or the keyring was changed. */
export async function unwrapByKeyring(
  storage: SafeStoragePort | undefined,
  wrapped: Extract<Wrapped, { readonly protection: 'keyring' }>,
): Promise<Unwrapped> {
  const ciphertext = Buffer.from(wrapped.ciphertext, 'base64');
  try {
    const opened = await storage?.decryptStringAsync?.(ciphertext);
    const text = opened?.result ?? storage?.decryptString?.(ciphertext) ?? '';
    const key = requireKey(Buffer.from(text, 'base64'));
    return { key, isOutdated: opened?.shouldReEncrypt === true };
  } catch {
    throw shimError('KEY_UNREADABLE', { details: { backend: wrapped.backend } });
  }
}

export async function wrapByPassphrase(passphrase: string, key: Buffer): Promise<Wrapped> {
  const kdf = { ...strength, salt: randomBytes(16).toString('base64') };
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await stretch(passphrase, kdf), nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(kdf)));
  const ciphertext = Buffer.concat([cipher.update(key), cipher.final()]);
  return {
    protection: 'passphrase',
    kdf,
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    ciphertext: ciphertext.toString('base64'),
  };
}

/** @throws BackendError PASSPHRASE_WRONG, KEY_UNREADABLE: the file asks for what scrypt cannot do. */
export async function unwrapByPassphrase(
  passphrase: string,
  { kdf, nonce, tag, ciphertext }: Extract<Wrapped, { readonly protection: 'passphrase' }>,
): Promise<Buffer> {
  const secret = await stretch(passphrase, kdf);
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, Buffer.from(nonce, 'base64'), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(JSON.stringify(kdf)));
    decipher.setAuthTag(Buffer.from(tag, 'base64'));
    const text = decipher.update(Buffer.from(ciphertext, 'base64'));
    return requireKey(Buffer.concat([text, decipher.final()]));
  } catch {
    throw shimError('PASSPHRASE_WRONG');
  }
}

/** Read a wrapped key. @throws BackendError KEY_UNREADABLE: the file is damaged. */
export function readWrapped(value: unknown): Wrapped {
  if (isJsonObject(value) && (isByKeyring(value) || isByPassphrase(value))) {
    return value as unknown as Wrapped;
  }
  throw shimError('KEY_UNREADABLE');
}

function isByKeyring(value: Readonly<Record<string, unknown>>): boolean {
  return value['protection'] === 'keyring' && areTexts(value, ['backend', 'ciphertext']);
}

function isByPassphrase(value: Readonly<Record<string, unknown>>): boolean {
  const { kdf } = value;
  return (
    value['protection'] === 'passphrase' &&
    areTexts(value, ['nonce', 'tag', 'ciphertext']) &&
    isJsonObject(kdf) &&
    kdf['name'] === 'scrypt' &&
    areTexts(kdf, ['salt']) &&
    ['cost', 'blockSize', 'parallelization'].every((name) => Number.isSafeInteger(kdf[name])) &&
    // The others are bounded by the memory, this one by nothing: a damaged one would take days.
    Number(kdf['parallelization']) <= maxParallelization
  );
}

function areTexts(value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === 'string');
}

function requireKey(key: Buffer): Buffer {
  if (key.length !== 32) {
    throw new RangeError('a key has 32 bytes');
  }
  return key;
}

function stretch(passphrase: string, kdf: Scrypt): Promise<Buffer> {
  const { cost, blockSize, parallelization } = kdf;
  const limits = { cost, blockSize, parallelization, maxmem: 2 ** 28 };
  return new Promise<Buffer>((resolve, reject) => {
    // The same passphrase typed on two keyboards may come in two forms of Unicode.
    const bytes = Buffer.from(passphrase.normalize('NFKC'), 'utf8');
    scrypt(bytes, Buffer.from(kdf.salt, 'base64'), 32, limits, (error, secret) =>
      error === null ? resolve(secret) : reject(error),
    );
    // Parameters that cannot be are thrown, and others told.
  }).catch(() => {
    throw shimError('KEY_UNREADABLE');
  });
}
