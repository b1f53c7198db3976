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
  return withDraft(path, text, async (draft) => {
    try {
      await promises.link(draft, path);
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) {
        return false;
      }
      // A file system without links.
      await promises.copyFile(draft, path, constants.COPYFILE_EXCL);
      return true;
    }
  });
}

/** Write *path* anew; the file of before becomes `.old`. */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  await withDraft(path, text, async (draft) => {
    try {
      await promises.copyFile(path, `${path}.old`);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) {
        throw error;
      }
    }
    await promises.rename(draft, path);
  });
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
