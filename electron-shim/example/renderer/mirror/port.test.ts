import { deepEqual, equal } from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createClient, type SchoolClient } from '../../../src/renderer';
import { isJsonObject, type JsonObject } from '../../../src/shared/json';
import { symbolOf } from '../../../src/testing/rig';
import { openMirrorPort } from './port';

interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: JsonObject;
}

type Answer = (asked: Asked, response: ServerResponse) => void;

/** A client of a server that answers as told; health it always has. */
async function clientOf(t: TestContext, answer: Answer): Promise<SchoolClient> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const body: unknown = text === '' ? {} : JSON.parse(text);
      const asked = { path: request.url ?? '', headers: request.headers };
      if (asked.path === '/api/health') {
        tell(response, 200, { status: 'ok', data: { version: '1.2.3' }, error: null });
      } else {
        answer({ ...asked, body: isJsonObject(body) ? body : {} }, response);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const port = openMirrorPort(`http://127.0.0.1:${address.port}`);
  t.after(() => {
    port.close();
    server.close();
    server.closeAllConnections();
  });
  return createClient(port);
}

function tell(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const tokens = (number: number): JsonObject => ({
  accessToken: `access-${number}`,
  refreshToken: `refresh-${number}`,
  user: { id: 'usr_1' },
});

/** A mirror whose access tokens are over after the first call each. */
function forgetful(exchanges: unknown[], seen: string[]): Answer {
  let valid = '';
  let count = 0;
  return ({ path, headers, body }, response) => {
    if (path === '/api/auth.refresh') {
      exchanges.push(body['refreshToken']);
      count += 1;
      valid = `access-${count}`;
      tell(response, 200, { status: 'ok', data: tokens(count), error: null });
    } else if (path === '/api/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\n\n');
    } else if (body['method'] === 'auth.login') {
      tell(response, 200, { jsonrpc: '2.0', id: 1, result: tokens(0) });
    } else if (headers.authorization === `Bearer ${valid}`) {
      seen.push(valid);
      tell(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
    } else {
      const error = { code: 'SESSION_EXPIRED', message: 'Over.', type: 'business' };
      tell(response, 401, { status: 'error', data: null, error });
    }
  };
}

test('tokens stay in the port, and calls that find them over wait for the same new ones', async (t) => {
  const exchanges: unknown[] = [];
  const seen: string[] = [];
  const client = await clientOf(t, forgetful(exchanges, seen));

  const signedIn = await client.send('auth.login', { login: 'o', password: 'p' });
  await Promise.all([1, 2, 3].map(() => client.send('ping', {})));

  deepEqual([signedIn.accessToken, signedIn.refreshToken], ['', '']);
  deepEqual(exchanges, ['refresh-0']);
  deepEqual(seen, ['access-1', 'access-1', 'access-1']);
});

test('an error arrives as it would over Electron, a refusal before the call too', async (t) => {
  const data = { code: 'NOT_FOUND', type: 'business', outcome: 'none', correlationId: 'cor_1' };
  const client = await clientOf(t, ({ body }, response) => {
    if (body['method'] === 'students.get') {
      const error = { code: 1102, message: 'There is no such record.', data };
      tell(response, 200, { jsonrpc: '2.0', id: 1, error });
    } else {
      const error = { code: 'UNAUTHENTICATED', message: 'Sign in first.', type: 'business' };
      tell(response, 401, { status: 'error', data: null, error });
    }
  });

  equal(await symbolOf(client.send('students.get', { studentId: 'stu_1' })), 'NOT_FOUND');
  equal(await symbolOf(client.send('auth.me', {})), 'UNAUTHENTICATED');
});

test('a call without an answer has an unknown outcome, and the mirror is asked how it is', async (t) => {
  const client = await clientOf(t, (_asked, response) => response.destroy());
  const ready = new Promise((resolve) => client.onStatus(({ state }) => resolve(state)));

  const error: unknown = await client.send('ping', {}).catch((refusal: unknown) => refusal);

  deepEqual(
    [Reflect.get(error as object, 'symbol'), Reflect.get(error as object, 'outcome')],
    ['BACKEND_LOST', 'unknown'],
  );
  equal(typeof (await ready), 'string');
});

test('a call is given up by its signal, and by its time', async (t) => {
  const client = await clientOf(t, () => undefined);
  const controller = new AbortController();
  const given = symbolOf(client.send('ping', {}, { signal: controller.signal }));

  controller.abort();

  equal(await given, 'CALL_CANCELLED');
  equal(await symbolOf(client.send('ping', {}, { timeoutMs: 1 })), 'CALL_TIMEOUT');
});

test('events come to whoever listens, and a stream that broke off goes on after the last', async (t) => {
  const resumedAfter: unknown[] = [];
  const client = await clientOf(t, ({ path, headers, body }, response) => {
    if (path !== '/api/events') {
      tell(response, 200, {
        jsonrpc: '2.0',
        id: 1,
        result: body['method'] === 'auth.login' ? tokens(0) : {},
      });
      return;
    }
    resumedAfter.push(headers['last-event-id']);
    const seq = resumedAfter.length;
    const event = JSON.stringify({ seq, type: 'lessons.booked' });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`id: ${seq}\nevent: event\ndata: ${event}\n\n`);
    if (seq === 1) {
      response.end();
    }
  });
  const heard: unknown[] = [];
  const both = new Promise<void>((resolve) => {
    client.receive('lessons.booked', ({ seq }) => {
      heard.push(seq);
      if (heard.length === 2) {
        resolve();
      }
    });
  });

  await client.send('auth.login', { login: 'o', password: 'p' });
  await both;

  deepEqual(
    [heard, resumedAfter],
    [
      [1, 2],
      [undefined, '1'],
    ],
  );
});

test('what is the app’s own is answered here, or refused', async (t) => {
  const client = await clientOf(t, (_asked, response) => response.destroy());

  const about = await client.sendCustom('app.about', {});

  equal(Reflect.get(about as object, 'kind'), 'desk');
  equal(await symbolOf(client.sendCustom('app.openWindow', {})), 'CHANNEL_REFUSED');
});

test('after a backend that was set back the events are taken up from where it is now', async (t) => {
  const resumedAfter: unknown[] = [];
  const client = await clientOf(t, ({ path, headers, body }, response) => {
    if (path !== '/api/events') {
      const result = body['method'] === 'auth.login' ? tokens(0) : {};
      tell(response, 200, { jsonrpc: '2.0', id: 1, result });
      return;
    }
    resumedAfter.push(headers['last-event-id']);
    if (resumedAfter.length === 2) {
      const error = { code: 'CURSOR_INVALID', message: 'Not yet.', type: 'validation' };
      tell(response, 422, { status: 'error', data: null, error });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const seq = resumedAfter.length === 1 ? 9 : 3;
    const event = JSON.stringify({ seq, type: 'lessons.booked' });
    response.write(`id: ${seq}\nevent: event\ndata: ${event}\n\n`);
    if (resumedAfter.length === 1) {
      response.end();
    }
  });
  const heard: unknown[] = [];
  const both = new Promise<void>((resolve) => {
    client.receive('lessons.booked', ({ seq }) => {
      heard.push(seq);
      if (heard.length === 2) {
        resolve();
      }
    });
  });

  await client.send('auth.login', { login: 'o', password: 'p' });
  await both;

  deepEqual(resumedAfter, [undefined, '9', undefined]);
  deepEqual(heard, [9, 3]);
});

test('who signs out while tokens are exchanged stays signed out', async (t) => {
  const proofs: unknown[] = [];
  let finish = (): void => undefined;
  const exchanging = new Promise<void>((asked) => {
    finish = asked;
  });
  let answerRefresh = (): void => undefined;
  const client = await clientOf(t, ({ path, headers, body }, response) => {
    if (path === '/api/auth.refresh') {
      answerRefresh = () => tell(response, 200, { status: 'ok', data: tokens(1), error: null });
      finish();
    } else if (body['method'] === 'auth.login') {
      tell(response, 200, { jsonrpc: '2.0', id: 1, result: tokens(0) });
    } else if (body['method'] === 'auth.logout') {
      tell(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
    } else {
      proofs.push(headers.authorization);
      const error = { code: 'SESSION_EXPIRED', message: 'Over.', type: 'business' };
      tell(response, 401, { status: 'error', data: null, error });
    }
  });
  await client.send('auth.login', { login: 'o', password: 'p' });
  const late = symbolOf(client.send('ping', {}));
  await exchanging;

  await client.send('auth.logout', {});
  answerRefresh();
  await late;

  proofs.length = 0;
  equal(await symbolOf(client.send('ping', {})), 'SESSION_EXPIRED');
  deepEqual(proofs, [undefined]);
});
