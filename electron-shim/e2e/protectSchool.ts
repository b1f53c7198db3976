/** Gives a store its first owner, perhaps with a second factor. */

import { createBackend, pythonBackend } from '../src/main/node';
import { totp } from './totp';

/** Who owns the school. */
export const owner = { login: 'owner', password: 'a horse of another colour' } as const;

/** Make the owner; returns the secret of his authenticator, in base32, or an empty text. */
export async function protectSchool(
  python: string,
  dataDir: string,
  how: 'with a second factor' | 'by password alone' = 'by password alone',
): Promise<string> {
  const backend = createBackend({
    backend: pythonBackend(python, dataDir),
    client: { name: 'e2e', version: '0' },
  });
  try {
    await backend.startServer();
    await backend.send('auth.bootstrap', owner);
    if (how === 'by password alone') {
      return '';
    }
    const { secretUri } = await backend.send('auth.mfaEnrol', {});
    const secret = new URL(secretUri ?? '').searchParams.get('secret') ?? '';
    await backend.send('auth.mfaEnrol', { code: totp(secret, Date.now()) });
    return secret;
  } finally {
    await backend.stopServer();
  }
}
