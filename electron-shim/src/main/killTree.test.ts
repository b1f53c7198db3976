import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { endTree, type Machine } from './killTree';

function makeMachine(
  platform: string,
  runs = true,
): Machine & { readonly deeds: readonly unknown[] } {
  const deeds: unknown[] = [];
  return {
    platform,
    deeds,
    env: { SystemRoot: 'D:\\Windows' },
    kill: (pid, signal) => deeds.push([pid, signal]),
    run: (command, args) => {
      deeds.push([command, ...args]);
      return runs;
    },
  };
}

test('on POSIX the child is asked alone, and killed with its group', () => {
  const machine = makeMachine('linux');

  endTree(7, 'SIGTERM', machine);
  endTree(7, 'SIGKILL', machine);

  deepEqual(machine.deeds, [
    [7, 'SIGTERM'],
    [-7, 'SIGKILL'],
  ]);
});

test('on Windows the whole tree is ended by a program that no PATH can replace', () => {
  const machine = makeMachine('win32');

  endTree(7, 'SIGTERM', machine);

  deepEqual(machine.deeds, [['D:\\Windows\\System32\\taskkill.exe', '/PID', '7', '/T', '/F']]);
});

test('on Windows the child itself is ended where the program hangs', () => {
  const machine = makeMachine('win32', false);

  endTree(7, 'SIGKILL', machine);

  deepEqual(machine.deeds.slice(1), [[7, 'SIGKILL']]);
});

test('a tree that is gone already is no error', () => {
  const gone = {
    ...makeMachine('linux'),
    kill: (): never => {
      throw new Error('ESRCH');
    },
  };

  equal(endTree(7, 'SIGKILL', gone), undefined);
});
