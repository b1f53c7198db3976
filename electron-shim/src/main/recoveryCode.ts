/** The database key as people write it down: 55 characters in groups of five, with a check. */

import { createHash } from 'crypto';
import { shimError } from '../shared/shimErrors';

// Crockford's base 32: no I, L, O or U.
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const checkBytes = 2;

/** Write *key* down. */
export function toRecoveryCode(key: Buffer): string {
  const bits = [...Buffer.concat([key, checkOf(key)])]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const text = (bits.match(/.{1,5}/g) ?? [])
    .map((five) => digits.charAt(Number.parseInt(five.padEnd(5, '0'), 2)))
    .join('');
  return (text.match(/.{1,5}/g) ?? []).join('-');
}

/** Read a key back, whatever its case and spacing. @throws BackendError RECOVERY_CODE_WRONG */
export function fromRecoveryCode(code: string): Buffer {
  const text = code.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  const values = [...text].map((digit) => digits.indexOf(digit));
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('');
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  const key = Buffer.from(bytes.slice(0, 32));
  const check = Buffer.from(bytes.slice(32));
  if (values.includes(-1) || bytes.length !== 32 + checkBytes || !check.equals(checkOf(key))) {
    throw shimError('RECOVERY_CODE_WRONG');
  }
  return key;
}

function checkOf(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, checkBytes);
}
