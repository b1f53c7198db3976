import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { shimError } from '../shared/shimErrors';
import { isFinalFailure } from './exitReason';

const exit = { code: 0, signal: null, spawnError: undefined, stderrTail: [] };

test('a handshake that is refused is final, one that may be tried again is not', () => {
  equal(isFinalFailure(exit, shimError('PROTOCOL_MISMATCH')), true);
  equal(isFinalFailure(exit, shimError('CALLS_EXHAUSTED')), false);
  equal(isFinalFailure(exit, shimError('START_TIMEOUT')), false);
  equal(isFinalFailure(exit, undefined), false);
});
