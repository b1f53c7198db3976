/**
 * The failures that the shim itself finds, before or after the backend.
 *
 * Codes −32050…−32079: inside JSON-RPC's range for implementations (section 5.1), used by neither
 * the backend (−32010…−32034) nor vscode-jsonrpc (−32001, −32002, −32096…−32099).
 */

import { BackendError, type ErrorType, type Failure } from './errors';

interface Kind {
  readonly code: number;
  readonly type: ErrorType;
  readonly message: string;
  readonly retryable?: boolean;
}

const kinds = {
  BACKEND_STOPPED: { code: -32050, type: 'system', message: 'The backend is not running.' },
  BACKEND_LOST: { code: -32051, type: 'system', message: 'The backend ended during the call.' },
  BACKEND_RESTARTING: {
    code: -32052,
    type: 'system',
    message: 'The backend is restarting; nothing was executed.',
    retryable: true,
  },
  BACKEND_FAILED: {
    code: -32053,
    type: 'system',
    message: 'The backend ended and will not be started again.',
  },
  SPAWN_FAILED: { code: -32054, type: 'system', message: 'The backend could not be started.' },
  START_TIMEOUT: { code: -32055, type: 'system', message: 'The backend did not become ready.' },
  CONTRACT_MISMATCH: {
    code: -32056,
    type: 'system',
    message: 'The backend speaks another contract than this program was built for.',
  },
  PROTOCOL_MISMATCH: {
    code: -32057,
    type: 'system',
    message: 'The backend speaks another protocol version.',
  },
  KEY_REQUIRED: {
    code: -32058,
    type: 'system',
    message: 'The store is encrypted and no databaseKey was given.',
  },
  CALL_TIMEOUT: { code: -32059, type: 'system', message: 'The call took too long.' },
  CALL_CANCELLED: { code: -32060, type: 'validation', message: 'The caller gave the call up.' },
  CALLS_EXHAUSTED: {
    code: -32061,
    type: 'system',
    message: 'Too many calls are waiting; nothing was executed.',
    retryable: true,
  },
  CHANNEL_REFUSED: {
    code: -32062,
    type: 'validation',
    message: 'The window may not use this channel.',
  },
  SENDER_REFUSED: {
    code: -32063,
    type: 'validation',
    message: 'The page may not speak to the backend.',
  },
  PARAMS_REFUSED: {
    code: -32064,
    type: 'validation',
    message: 'The params do not fit the channel.',
  },
  REPLY_MALFORMED: { code: -32065, type: 'system', message: 'The reply is not an object.' },
  HANDLER_FAILED: { code: -32066, type: 'system', message: 'The channel handler failed.' },
  LINE_TOO_LONG: {
    code: -32067,
    type: 'validation',
    message: 'The call is over the size limit; nothing was sent.',
  },
  SECOND_INSTANCE: {
    code: -32068,
    type: 'system',
    message: 'The app holds no single-instance lock: call app.requestSingleInstanceLock() first.',
  },
  KEYRING_INSECURE: {
    code: -32069,
    type: 'system',
    message: 'This machine has no keyring that keeps a key secret; give a passphrase.',
  },
  PASSPHRASE_REQUIRED: {
    code: -32070,
    type: 'validation',
    message: 'The database key is protected by a passphrase, and none was given.',
  },
  PASSPHRASE_WRONG: {
    code: -32071,
    type: 'validation',
    message: 'The passphrase does not open the database key.',
  },
  KEY_UNREADABLE: {
    code: -32072,
    type: 'system',
    message: 'The database key cannot be read here; take it from its recovery code.',
  },
  RECOVERY_CODE_WRONG: {
    code: -32073,
    type: 'validation',
    message: 'This is no recovery code, or a character in it is wrong.',
  },
  KEY_CHANGE_UNFINISHED: {
    code: -32075,
    type: 'validation',
    message: 'A change of the database key was cut short; finish it with changeKey first.',
  },
} as const satisfies Record<string, Kind>;

export type ShimSymbol = keyof typeof kinds;

/** Build the error of *symbol*; *more* overrides its defaults (`outcome` is `none`). */
export function shimError(
  symbol: ShimSymbol,
  more: Partial<Omit<Failure, 'code' | 'symbol' | 'type'>> = {},
): BackendError {
  const kind: Kind = kinds[symbol];
  return new BackendError({
    code: kind.code,
    symbol,
    type: kind.type,
    message: kind.message,
    retryable: kind.retryable ?? false,
    outcome: 'none',
    ...more,
  });
}

/** Turn anything thrown into a BackendError; the text of a stranger stays out of it. */
export function asBackendError(error: unknown): BackendError {
  return error instanceof BackendError
    ? error
    : shimError('HANDLER_FAILED', { outcome: 'unknown' });
}
