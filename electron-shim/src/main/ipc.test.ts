import { deepEqual, equal, throws } from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { Envelope, Push } from '../shared/ipc';
import { shimError } from '../shared/shimErrors';
import { FakeBackend } from '../testing/fakeBackend';
import { makeOptions } from '../testing/rig';
import { type Backend, createBackend } from './backend';
import { ChannelRegistry, defineChannel, rpcChannel } from './channels';
import { type IpcMainPort, type Page, type PageEvent, WindowGate } from './ipc';

const url = 'app://school/';

/** The edge of the machine: what Electron would call and be called for. */
class Desk implements IpcMainPort {
  readonly backend: Backend;
  readonly registry = new ChannelRegistry();
  readonly gate: WindowGate;
  #listener: ((event: PageEvent, message: unknown) => unknown) | undefined;

  constructor(backend: Backend = createBackend(makeOptions([], { events: 'none' }))) {
    this.backend = backend;
    this.gate = new WindowGate(backend, this.registry, [url], this);
  }

  handle(_channel: string, listener: (event: PageEvent, message: unknown) => unknown): void {
    this.#listener = listener;
  }

  removeHandler(): void {
    this.#listener = undefined;
  }

  get isServing(): boolean {
    return this.#listener !== undefined;
  }

  async invoke(pageId: number, message: unknown, from = url): Promise<Envelope<unknown>> {
    const event = { sender: { id: pageId, getURL: () => from } };
    return (await this.#listener?.(event, message)) as Envelope<unknown>;
  }
}

function makePage(
  id: number,
  { faults = [], at = url }: { readonly faults?: Error[]; readonly at?: string } = {},
): Page & { readonly pushes: readonly Push[]; readonly events: EventEmitter } {
  const pushes: Push[] = [];
  const events = new EventEmitter();
  return {
    id,
    pushes,
    events,
    getURL: () => at,
    isDestroyed: () => false,
    on: (name, listener) => events.on(name, listener),
    once: (name, listener) => events.once(name, listener),
    removeListener: (name, listener) => events.removeListener(name, listener),
    send: (_channel, push) => {
      const fault = faults.shift();
      if (fault !== undefined) {
        throw fault;
      }
      pushes.push(push as Push);
    },
  };
}

const call = (channel: string, params: unknown = {}): unknown => ({
  kind: 'call',
  channel,
  params,
});

function symbol(envelope: Envelope<unknown>): string {
  return envelope.ok ? 'ok' : envelope.error.symbol;
}

test('a registered channel answers an attached page', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.registry.register(
    defineChannel({
      name: 'app.double',
      handler: ({ number }: { readonly number: number }) => ({ number: number * 2 }),
      validator: (value): value is { number: number } => typeof value === 'object',
    }),
  );

  deepEqual(await desk.invoke(1, call('app.double', { number: 21 })), {
    ok: true,
    result: { number: 42 },
  });
});

test('pages that are not attached or come from elsewhere are refused', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.registry.register(rpcChannel('ping'));

  equal(symbol(await desk.invoke(2, call('ping'))), 'SENDER_REFUSED');
  equal(symbol(await desk.invoke(1, call('ping'), 'https://evil.example/')), 'SENDER_REFUSED');
});

test('channels that are not registered, or not for this page, are refused', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1), { channels: ['calendar.view'] });
  desk.registry.register(rpcChannel('ping'));
  desk.registry.register(rpcChannel('calendar.view'));

  equal(symbol(await desk.invoke(1, call('ping'))), 'CHANNEL_REFUSED');
  equal(symbol(await desk.invoke(1, call('students.get'))), 'CHANNEL_REFUSED');
  // It may be called; there is just no backend running.
  const span = { from: '2026-11-30T00:00:00Z', to: '2026-12-01T00:00:00Z' };
  equal(symbol(await desk.invoke(1, call('calendar.view', span))), 'BACKEND_STOPPED');
  // Nor need there be one to tell that params do not fit.
  equal(symbol(await desk.invoke(1, call('calendar.view', { from: 1 }))), 'INVALID_PARAMS');
});

test('params that are no object and messages of another kind are refused', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.registry.register(rpcChannel('ping'));

  equal(symbol(await desk.invoke(1, call('ping', 'text'))), 'PARAMS_REFUSED');
  equal(symbol(await desk.invoke(1, { kind: 'shell' })), 'PARAMS_REFUSED');
  equal(symbol(await desk.invoke(1, null)), 'PARAMS_REFUSED');
});

test('a handler that throws tells its page no secrets', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.registry.register(
    defineChannel({
      name: 'app.broken',
      handler: () => {
        throw new Error('/home/ada/secret');
      },
      validator: (value): value is object => typeof value === 'object',
    }),
  );

  const warned = once(process, 'warning');

  const envelope = await desk.invoke(1, call('app.broken'));

  equal(symbol(envelope), 'HANDLER_FAILED');
  // The developer reads it in the main process.
  equal(String((await warned)[0]), 'Error: /home/ada/secret');
  equal(JSON.stringify(envelope).includes('secret'), false);
});

test('the life cycle cannot be registered, nor a channel twice', () => {
  const { registry } = new Desk();

  throws(() => registry.register(rpcChannel('shutdown')), RangeError);
  throws(() => registry.register(rpcChannel('initialize')), RangeError);
  const unregister = registry.register(rpcChannel('ping'));
  throws(() => registry.register(rpcChannel('ping')), RangeError);
  unregister();
  registry.register(rpcChannel('ping'));
});

test('attached pages hear every status, and a page that throws harms no other, nor its next push', async () => {
  const desk = new Desk();
  const page = makePage(2);
  const faulty = makePage(1, { faults: [new Error('Render frame was disposed')] });
  desk.gate.attach(faulty);
  desk.gate.attach(page);

  await desk.backend.startServer();
  await desk.backend.stopServer();

  deepEqual(
    page.pushes.map((push) => (push.kind === 'status' ? push.status.state : push.kind)),
    ['starting', 'notification', 'ready', 'stopping', 'stopped'],
  );
  deepEqual(faulty.pushes, page.pushes.slice(1));
});

for (const [what, end] of [
  ['detached', (_desk, _page, detach) => detach()],
  ['attached anew', (desk, page) => desk.gate.attach(page, { channels: [] })],
  ['reloaded', (_desk, page) => page.events.emit('did-navigate')],
  ['crashed', (_desk, page) => page.events.emit('render-process-gone')],
  ['destroyed', (_desk, page) => page.events.emit('destroyed')],
  ['served no more', (desk) => desk.gate.close()],
] satisfies [
  string,
  (desk: Desk, page: ReturnType<typeof makePage>, detach: () => void) => unknown,
][]) {
  test(`a page that is ${what} has given its calls up`, async () => {
    const desk = new Desk();
    const page = makePage(1);
    const detach = desk.gate.attach(page);
    desk.registry.register(rpcChannel('hang' as 'ping'));
    await desk.backend.startServer();
    const hanging = desk.invoke(1, { ...(call('hang') as object), timeoutMs: 60_000 });
    await desk.backend.send('echo' as 'ping', {});

    end(desk, page, detach);

    equal(symbol(await hanging), 'CALL_CANCELLED');
    await desk.backend.stopServer();
  });
}

test('a window cannot name its progress, and so hears none of another', async () => {
  const desk = new Desk();
  const page = makePage(2);
  desk.gate.attach(makePage(1));
  desk.gate.attach(page);
  for (const name of ['job', 'progress', 'work']) {
    desk.registry.register(rpcChannel(name as 'ping'));
  }
  await desk.backend.startServer();
  let token: unknown;
  desk.backend.receive('$/progress', (progress) => {
    token = progress.token;
  });
  await desk.invoke(2, { ...(call('progress') as object), id: 'a', wantsProgress: true });
  await desk.invoke(2, { ...(call('job') as object), id: 'b', wantsProgress: true });

  const forged = call('progress', { _meta: { progressToken: token, idempotencyKey: 'k' } });
  const answer = await desk.invoke(1, forged);

  deepEqual(answer, { ok: true, result: {} });
  await desk.backend.stopServer();
});

test('the last words of the backend are for windows that hear everything', async () => {
  const backend = new FakeBackend();
  const desk = new Desk(backend);
  const [all, some] = [makePage(1), makePage(2)];
  desk.gate.attach(all);
  desk.gate.attach(some, { events: ['lessons.booked'] });
  const reason = { ...shimError('BACKEND_FAILED').toFailure() };

  backend.become({ state: 'failed', reason, stderrTail: ['Ada Byron'] });

  const tails = (status: unknown): unknown => Reflect.get(status as object, 'stderrTail');
  const pushed = [...all.pushes, ...some.pushes].map(
    (push) => push.kind === 'status' && tails(push.status),
  );
  const asked = await Promise.all([1, 2].map((id) => desk.invoke(id, { kind: 'status' })));
  deepEqual(pushed, [['Ada Byron'], []]);
  deepEqual(
    asked.map((answer) => answer.ok && tails(answer.result)),
    [['Ada Byron'], []],
  );
});

test('a page that has gone elsewhere hears nothing any more', async () => {
  const desk = new Desk();
  const page = makePage(1, { at: 'https://evil.example/' });
  desk.gate.attach(page);

  await desk.backend.startServer();
  await desk.backend.stopServer();

  deepEqual(page.pushes, []);
});

test('an old detach leaves a new attachment alone, and neither leaves a listener', async () => {
  const desk = new Desk();
  const page = makePage(1);
  desk.registry.register(rpcChannel('ping'));
  const detachOld = desk.gate.attach(page);
  const detach = desk.gate.attach(page, { channels: [] });

  detachOld();

  equal(symbol(await desk.invoke(1, call('ping'))), 'CHANNEL_REFUSED');
  detach();
  equal(symbol(await desk.invoke(1, call('ping'))), 'SENDER_REFUSED');
  equal(page.events.listenerCount('destroyed'), 0);
});

test('a window gives its call up by its name, and hears how far another is', async () => {
  const desk = new Desk();
  const page = makePage(1);
  desk.gate.attach(page);
  desk.gate.attach(makePage(2));
  for (const name of ['hang', 'progress']) {
    desk.registry.register(rpcChannel(name as 'ping'));
  }
  await desk.backend.startServer();

  const hanging = desk.invoke(1, { ...(call('hang') as object), id: 'a', timeoutMs: 60_000 });
  // Not by the name that another window gave it.
  await desk.invoke(2, { kind: 'cancel', id: 'a' });
  await desk.invoke(1, { ...(call('progress') as object), id: 'b', wantsProgress: true });
  await desk.invoke(1, call('progress'));
  await desk.invoke(1, { kind: 'cancel', id: 'a' });

  equal(symbol(await hanging), 'CALL_CANCELLED');
  deepEqual(
    page.pushes.filter(({ kind }) => kind === 'progress'),
    [1, 2].map((done) => ({
      kind: 'progress',
      id: 'b',
      value: { kind: 'report', done, total: 2 },
    })),
  );
  await desk.backend.stopServer();
});

test('the limit that a window sets for its call holds', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.registry.register(rpcChannel('hang' as 'ping'));
  await desk.backend.startServer();

  const envelope = await desk.invoke(1, { ...(call('hang') as object), timeoutMs: 5 });

  equal(symbol(envelope), 'CALL_TIMEOUT');
  await desk.backend.stopServer();
});

test('a window that asks for too much at once is refused, and no other is held up', async () => {
  const desk = new Desk();
  desk.gate.attach(makePage(1));
  desk.gate.attach(makePage(2));
  let finish: () => void = () => undefined;
  const finished = new Promise<object>((resolve) => {
    finish = () => resolve({});
  });
  const validator = (value: unknown): value is object => typeof value === 'object';
  desk.registry.register(defineChannel({ name: 'app.wait', handler: () => finished, validator }));
  desk.registry.register(defineChannel({ name: 'app.now', handler: () => ({}), validator }));
  const waiting = Array.from({ length: 16 + 64 }, () => desk.invoke(1, call('app.wait')));

  equal(symbol(await desk.invoke(1, call('app.now'))), 'CALLS_EXHAUSTED');
  equal(symbol(await desk.invoke(2, call('app.now'))), 'ok');

  finish();
  deepEqual([...new Set((await Promise.all(waiting)).map(symbol))], ['ok']);
});

test('a window hears the events that it may, and every status', async () => {
  const backend = new FakeBackend();
  const gate = new WindowGate(backend, new ChannelRegistry(), [url], {
    handle: () => undefined,
    removeHandler: () => undefined,
  });
  const [all, some, none] = [makePage(1), makePage(2), makePage(3)];
  gate.attach(all);
  gate.attach(some, { events: ['lessons.booked'] });
  gate.attach(none, { events: [] });

  await backend.startServer();
  backend.tell('lessons.booked');
  backend.tell('students.created');

  const heard = [all, some, none].map(({ pushes }) =>
    pushes.map((push) => (push.kind === 'notification' ? push.topics[1] : push.kind)),
  );
  deepEqual(heard, [
    ['status', 'status', 'lessons.booked', 'students.created'],
    ['status', 'status', 'lessons.booked'],
    ['status', 'status'],
  ]);
});

test('a closed gate serves nobody any more', () => {
  const desk = new Desk();

  desk.gate.close();

  equal(desk.isServing, false);
});

test('a page that is destroyed is forgotten without being touched', () => {
  const desk = new Desk();
  const page = makePage(1);
  let isDestroyed = false;
  const detach = desk.gate.attach({
    ...page,
    get id(): number {
      return untouched(1);
    },
    isDestroyed: () => isDestroyed,
    removeListener: (name, listener) => untouched(page.removeListener(name, listener)),
  });

  isDestroyed = true;
  page.events.emit('destroyed');
  detach();

  equal(page.events.listenerCount('destroyed'), 0);

  function untouched<T>(value: T): T {
    if (isDestroyed) {
      throw new TypeError('Object has been destroyed');
    }
    return value;
  }
});
