import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { backendEnvironment } from './environment';

test('only allow-listed names pass, ours win, and exported functions are dropped', () => {
  const parent = {
    PATH: '/bin',
    LC_TIME: 'de_DE.UTF-8',
    SystemRoot: 'C:\\Windows',
    PYTHONHOME: '/poison',
    PYTHONUTF8: '0',
    LD_LIBRARY_PATH: '/poison',
    DYLD_INSERT_LIBRARIES: '/poison',
    ELECTRON_RUN_AS_NODE: '1',
    DATABASE_PASSWORD: 'secret',
    SHELL: '() { :; }',
    HOME: undefined,
  };

  deepEqual(backendEnvironment(parent, { RPCBACKEND_LOG: 'debug' }), {
    PATH: '/bin',
    LC_TIME: 'de_DE.UTF-8',
    SystemRoot: 'C:\\Windows',
    PYTHONUTF8: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONNOUSERSITE: '1',
    RPCBACKEND_LOG: 'debug',
  });
});
