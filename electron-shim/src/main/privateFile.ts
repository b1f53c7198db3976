/** Small files that nobody else may read, written whole or not at all. */

import { randomBytes } from 'crypto';
import { constants, promises } from 'fs';
import { dirname } from 'path';

/** Return the text of *path*, or undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await promises.readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) {
      return undefined;
    }
    throw error;
  }
}

/** Write a file that is not there yet; tell false, and leave it alone, when it is. */
export function addPrivateFile(path: string, text: string): Promise<boolean> {
  return withDraft(path, text, (draft) => addName(draft, path));
}

/** Write *path* anew; the file of before is kept as `.old`, or the next free `.old.1`. */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  await withDraft(path, text, async (draft) => {
    await keepOld(path);
    await promises.rename(draft, path);
  });
}

/** Take *path* out of the way, if it is there; it is kept as a replaced file is. */
export async function setAside(path: string): Promise<void> {
  await keepOld(path);
  await removeFile(path);
}

/** Remove *path*, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await promises.unlink(path);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) {
      throw error;
    }
  }
}

async function keepOld(path: string): Promise<void> {
  try {
    // Never over another: only one of them may hold the key that opens.
    for (let number = 0; !(await addName(path, oldName(path, number))); number += 1);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) {
      throw error;
    }
  }
}

function oldName(path: string, number: number): string {
  return number === 0 ? `${path}.old` : `${path}.old.${number}`;
}

/** Give the file *path* another name as well; tell false when that is taken. */
async function addName(path: string, name: string): Promise<boolean> {
  try {
    // A file system without links copies.
    await promises
      .link(path, name)
      .catch((error: unknown) =>
        isCode(error, 'EEXIST')
          ? Promise.reject(error)
          : promises.copyFile(path, name, constants.COPYFILE_EXCL),
      );
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) {
      return false;
    }
    throw error;
  }
}

/** Write *text* beside *path*, to the disk, and let *place* put it where it belongs. */
async function withDraft<R>(
  path: string,
  text: string,
  place: (draft: string) => Promise<R>,
): Promise<R> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await promises.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const file = await promises.open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    const placed = await place(draft);
    await syncFolder(dirname(path));
    return placed;
  } finally {
    await promises.unlink(draft).catch(() => undefined);
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') {
    return;
  }
  const handle = await promises.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === code;
}
