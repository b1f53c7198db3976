/** What to do about an error, for people at a desk; knows no DOM. */

import type { Failure } from '../../../src/renderer';

/** Known by symbol: the advice is better than what type and outcome alone would say. */
const bySymbol: Readonly<Record<string, string>> = {
  ACCOUNT_LOCKED: 'Wait until the time is over; then try once, with care.',
  BACKEND_FAILED:
    'It is started again by itself a few times. If it stays away, press “Try again”, or copy this report for whoever looks after the computer.',
  BACKEND_LOST:
    'The program that keeps the data ended and is started again by itself. Calls that may be repeated are.',
  BACKEND_RESTARTING: 'Wait a moment: it comes back by itself.',
  BACKEND_STOPPED: 'Press “Try again”, or open the program anew.',
  CALL_TIMEOUT: 'Look whether it was done before you do it again.',
  CALLS_EXHAUSTED: 'Wait a moment, then try again.',
  CHANNEL_REFUSED: 'Open a desk window for it.',
  CONFLICT_INSTRUCTOR: 'Take one of the free times, or another instructor.',
  CONFLICT_STUDENT: 'Take one of the free times: nobody can have two lessons at once.',
  CONFLICT_VEHICLE: 'Take another vehicle, or one of the free times.',
  CONTRACT_MISMATCH: 'Window and backend are of different versions: install both anew.',
  DISK_FULL: 'Free some space on the disk, then try again.',
  FORBIDDEN: 'Ask the owner of the school for the right to do this.',
  INVALID_PARAMS: 'Check what you typed; the details name the field.',
  KEY_REQUIRED: 'The data are encrypted and the key was not found on this computer.',
  NOT_FOUND: 'It may have been removed meanwhile; look again.',
  OVERLOADED: 'Too much is going on: wait a moment, then try again.',
  PREREQUISITE_MISSING: 'See to what is missing first, then do this again.',
  PROTOCOL_MISMATCH: 'Window and backend are of different versions: install both anew.',
  RATE_LIMITED: 'Wait a moment, then try again.',
  READ_ONLY_MODE: 'Nothing can be changed for now; the message says what to do.',
  SENDER_REFUSED:
    'This page may not speak to the backend. Close the window and open the program anew.',
  SPAWN_FAILED: 'The backend is not where it should be: install the program anew.',
  START_TIMEOUT: 'The computer may be busy. Press “Try again”.',
  TIME_IN_PAST: 'Choose a later time.',
  VERSION_CONFLICT: 'Somebody was quicker. Look at how it is now, then do it again.',
};

/** Say what to do about *failure*. */
export function adviceFor(failure: Pick<Failure, 'symbol' | 'outcome' | 'retryable'>): string {
  const known = bySymbol[failure.symbol];
  if (known !== undefined) {
    return known;
  }
  if (failure.outcome === 'unknown') {
    return 'Look whether it was done before you do it again.';
  }
  return failure.retryable
    ? 'Wait a moment, then try again.'
    : 'Copy this report for whoever looks after the computer.';
}
