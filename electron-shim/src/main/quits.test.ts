/** Every way to leave in every state of the backend: nothing hangs, and nothing is left running. */

import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { after, test } from 'node:test';
import { FakeApp } from '../testing/fakeApp';
import { failureOf, makeRig, type Rig } from '../testing/rig';
import { QuitHooks } from './lifecycle';
import type { BackendOptions } from './options';

interface State {
  readonly flags: readonly string[];
  readonly more?: Partial<BackendOptions>;
  /** Bring a fresh backend there. */
  readonly reach: (rig: Rig) => Promise<unknown>;
}

const start = ({ supervisor }: Rig): Promise<unknown> => supervisor.start();
/** Start without waiting: whoever leaves first is told so. */
const begin = async ({ supervisor, reached }: Rig): Promise<void> => {
  supervisor.start().catch(() => undefined);
  await reached('starting');
};
let heardQuestion = (): void => undefined;
const longBackoff = { restart: { baseMs: 60_000, maxMs: 60_000 } };

const states: Readonly<Record<string, State>> = {
  stopped: { flags: [], reach: async () => undefined },
  'starting, silent': { flags: ['--mute'], reach: begin },
  'starting, without initialize': { flags: ['--never-initialized'], reach: begin },
  'starting, the key is still asked for': {
    flags: ['--locked'],
    more: {
      databaseKey: () => {
        heardQuestion();
        return new Promise(() => undefined);
      },
    },
    reach: async (rig) => {
      const isAsked = new Promise<void>((resolve) => {
        heardQuestion = resolve;
      });
      await begin(rig);
      await isAsked;
    },
  },
  'starting, stubborn': { flags: ['--mute', '--stubborn'], reach: begin },
  ready: { flags: [], reach: start },
  'ready, a call under way': {
    flags: [],
    reach: async (rig) => {
      await start(rig);
      failureOf(rig.supervisor.call('never', {})).catch(() => undefined);
    },
  },
  'ready, deaf': { flags: ['--deaf'], reach: start },
  'ready, stubborn': { flags: ['--stubborn'], reach: start },
  'ready, halted': {
    flags: [],
    reach: async ({ supervisor }) => process.kill((await supervisor.start()).pid, 'SIGSTOP'),
  },
  'ready, just killed': {
    flags: [],
    reach: async ({ supervisor }) => process.kill((await supervisor.start()).pid, 'SIGKILL'),
  },
  degraded: {
    flags: ['--numb'],
    more: {
      heartbeat: { intervalMs: 1, timeoutMs: 1, misses: 1 },
      limits: { cancelGraceMs: 1 },
    },
    reach: async (rig) => {
      await start(rig);
      await rig.reached('degraded');
    },
  },
  backoff: {
    flags: ['--exit=70'],
    more: longBackoff,
    reach: async (rig) => {
      await begin(rig);
      await rig.reached('backoff');
    },
  },
  failed: { flags: ['--exit=64'], reach: (rig) => failureOf(rig.supervisor.start()) },
  'stopping, stubborn': {
    flags: ['--stubborn'],
    reach: async (rig) => {
      await start(rig);
      void rig.supervisor.stop();
    },
  },
  'stopping, to start anew': {
    flags: [],
    reach: async (rig) => {
      await start(rig);
      void rig.supervisor.stop();
      rig.supervisor.start().catch(() => undefined);
    },
  },
};

/** What the app and the machine can do; each ends with the app having left. */
const ways: Readonly<Record<string, (desk: Desk) => void>> = {
  'the app quits': ({ app }) => app.quit(),
  'the app quits twice': ({ app }) => {
    app.quit();
    app.quit();
  },
  'the machine goes down': ({ power }) => {
    power.emit('shutdown', { preventDefault: () => undefined });
  },
  'an update is installed': ({ app, updater }) => {
    updater.emit('before-quit-for-update');
    app.quit();
  },
  'the session ends during the quit': ({ app, window }) => {
    app.quit();
    window.emit('session-end');
  },
  'a window starts the backend during the quit': ({ app, rig }) => {
    app.quit();
    rig.supervisor.start().catch(() => undefined);
    void rig.supervisor.stop();
  },
};

interface Desk {
  readonly app: FakeApp;
  readonly rig: Rig;
  readonly power: EventEmitter;
  readonly updater: EventEmitter;
  readonly window: EventEmitter;
}

function makeDesk({ flags, more }: State): Desk {
  const app = new FakeApp();
  const rig = makeRig(flags, {
    shutdown: { requestMs: 20, eofMs: 20, termMs: 20, totalMs: 5_000 },
    ...more,
  });
  const [power, updater, window] = [new EventEmitter(), new EventEmitter(), new EventEmitter()];
  const { supervisor } = rig;
  const hooks = new QuitHooks(
    { app, updater, power: Promise.resolve(power) },
    {
      stopServer: (options) => supervisor.stop(options),
      suspend: () => supervisor.suspend(),
      resume: () => supervisor.resume(),
    },
  );
  hooks.guard(window);
  return { app, rig, power, updater, window };
}

/** Count what runs: the children of this process that have not ended. */
async function children(): Promise<number> {
  // The handle of one that has is closed a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  return process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
}

let quits = 0;

for (const [state, how] of Object.entries(states)) {
  for (const [way, leave] of Object.entries(ways)) {
    test(`${state}: ${way}`, { timeout: 20_000 }, async () => {
      const desk = makeDesk(how);
      await how.reach(desk.rig);

      leave(desk);
      await desk.app.left;

      deepEqual([desk.rig.supervisor.status.state, await children()], ['stopped', 0]);
      quits += 1;
    });
  }
}

after(() => {
  const tried = Object.keys(states).length * Object.keys(ways).length;
  // biome-ignore lint/suspicious/noConsole: the count is what this file is for.
  console.log(
    `${tried} quits tried (${Object.keys(states).length} states, ${Object.keys(ways).length} ways): ` +
      `${tried - quits} hangs or orphans`,
  );
  equal(quits, tried);
});
