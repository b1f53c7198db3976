/** The file of a wrapped key: JSON that says what it is. */

import { isJsonObject } from '../shared/json';
import { shimError } from '../shared/shimErrors';
import { readWrapped, type Wrapped } from './keyWrap';
import { readIfThere } from './privateFile';

const format = 'electron-shim-key/1';

/** Read the wrapped key of *path*, if it is there. @throws BackendError KEY_UNREADABLE */
export async function readKeyFile(path: string): Promise<Wrapped | undefined> {
  const text = await readIfThere(path);
  return text === undefined ? undefined : read(text);
}

/** Write a wrapped key as the text of its file. */
export function writeKeyFile(wrapped: Wrapped): string {
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
