/** What the end of a backend means. */

import type { BackendError } from '../shared/errors';
import { type ShimSymbol, shimError } from '../shared/shimErrors';
import type { Exit } from './backendProcess';
import { isFinalExit } from './restartPolicy';

const exitMeanings: Readonly<Record<number, string>> = {
  64: 'The backend was started with wrong arguments.',
  65: 'The backend could not read what was sent to it.',
  69: 'Another instance of the backend uses this data directory.',
  70: 'The backend has a bug.',
  73: 'The backend could not create its data directory.',
  74: 'The backend could not read or write its store.',
  75: 'The backend did not shut down in time.',
  76: 'The backend speaks another protocol version.',
  77: 'The database key is wrong.',
  78: 'The configuration of the backend is wrong.',
  79: 'The store was written by a newer program.',
};

/** Failures of the handshake that mean the child itself went away or was slow. */
const passingSymbols: readonly string[] = [
  'BACKEND_LOST',
  'START_TIMEOUT',
  'CALL_TIMEOUT',
] satisfies readonly ShimSymbol[];

/** Tell whether no restart can help. */
export function isFinalFailure(exit: Exit, failure: BackendError | undefined): boolean {
  const isRefusal =
    failure !== undefined && !failure.retryable && !passingSymbols.includes(failure.symbol);
  return exit.spawnError !== undefined || isFinalExit(exit.code) || isRefusal;
}

/** Explain the end: the failed handshake if the shim ended it, else the exit. */
export function exitReason(exit: Exit, failure: BackendError | undefined): BackendError {
  if (exit.spawnError !== undefined) {
    return shimError('SPAWN_FAILED', { message: explainSpawn(exit.spawnError) });
  }
  if (failure !== undefined && failure.symbol !== 'BACKEND_LOST') {
    return failure;
  }
  const meaning = exit.code === null ? undefined : exitMeanings[exit.code];
  return shimError('BACKEND_FAILED', {
    message: meaning ?? 'The backend ended unexpectedly.',
    details: { exitCode: exit.code, signal: exit.signal },
  });
}

function explainSpawn(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `There is no program at ${error.path ?? 'the given path'}.`;
    case 'EACCES':
      return `The program at ${error.path ?? 'the given path'} may not be run.`;
    default:
      return `The backend could not be started: ${error.message}`;
  }
}
