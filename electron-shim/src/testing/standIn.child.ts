/** A real process that stands in for the backend and misbehaves on request. */

import { spawn } from 'child_process';
import { appendFileSync, closeSync, readFileSync } from 'fs';
import { createInterface } from 'readline';
import { contractHash } from '../generated/channels.gen';
import { isJsonObject, type JsonObject } from '../shared/json';

const flags = new Set(process.argv.slice(2));
const exitFlag = [...flags].find((flag) => flag.startsWith('--exit='));

function write(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function refuse(id: unknown, code: number, symbol: string, more: object = {}): void {
  const message = 'refused by the stand-in';
  const data = {
    code: symbol,
    message: 'The stand-in says no.',
    type: 'business',
    details: { rule: 'K1' },
    timestamp: 0,
    retryable: false,
    outcome: 'none',
    correlationId: 'cor_1',
    ...more,
  };
  write({ id, error: { code, message, data } });
}

async function drip(line: string): Promise<void> {
  for (const byte of Buffer.from(`${line}\n`)) {
    await new Promise<void>((resolve) => process.stdout.write(Buffer.of(byte), () => resolve()));
  }
}

/**
 * Note the delivery in the file `log`; the process dies of the first `deaths` ones, and answers the
 * others with what was noted, or refuses them as told.
 */
function deliver(id: unknown, params: JsonObject): void {
  const log = String(params['log']);
  const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
  appendFileSync(log, `${String(meta['idempotencyKey'])}\n`);
  const keys = readFileSync(log, 'utf8').trim().split('\n');
  if (keys.length <= Number(params['deaths'])) {
    process.kill(process.pid, 'SIGKILL');
  } else if (isJsonObject(params['refusal'])) {
    refuse(id, Number(params['refusal']['code']), String(params['refusal']['symbol']));
  } else if (params['hangs'] !== true) {
    write({ id, result: { keys } });
  }
}

/** Ids of calls that wait for their cancellation. */
const hanging = new Set<unknown>();

/** Progress tokens of jobs that wait for their work. */
const tokens: unknown[] = [];

const answers: Readonly<Record<string, (id: unknown, params: JsonObject) => void>> = {
  initialize: (id) => {
    if (flags.has('--refuse-initialize')) {
      refuse(id, -32602, 'INVALID_PARAMS');
    } else if (!flags.has('--never-initialized')) {
      write({ id, result: {} });
    }
  },
  shutdown: (id) => {
    if (!flags.has('--stubborn') && !flags.has('--deaf')) {
      write({ id, result: {} });
      process.stdin.destroy();
    }
  },
  'lessons.book': deliver,
  'students.get': deliver,
  'jobs.cancel': deliver,
  'auth.changePassword': deliver,
  ping: (id) => {
    if (!flags.has('--numb')) {
      write({ id, result: {} });
    }
  },
  numb: (id) => {
    flags.add('--numb');
    write({ id, result: {} });
  },
  wake: (id) => {
    flags.delete('--numb');
    write({ id, result: {} });
  },
  echo: (id, params) => write({ id, result: params }),
  environment: (id) => {
    const { argv, env } = process;
    write({ id, result: { names: Object.keys(env), text: JSON.stringify([argv, env]) } });
  },
  fail: (id) => refuse(id, 1301, 'CONFLICT_INSTRUCTOR'),
  list: (id) => write({ id, result: [] }),
  die: (_id, params) => process.exit(Number(params['code'])),
  crash: () => process.kill(process.pid, 'SIGKILL'),
  never: () => undefined,
  // It lives on, and hears nobody.
  hangUp: (id) => {
    process.stdin.destroy();
    closeSync(0);
    setInterval(() => undefined, 60_000);
    write({ id, result: {} });
  },
  hang: (id) => {
    hanging.add(id);
  },
  // A child of the child, which is connected to *port* for as long as it lives.
  beget: (id, params) => {
    const script = `require('net').connect(${Number(params['port'])}, '127.0.0.1')`;
    spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    write({ id, result: {} });
  },
  lastWords: (id) => {
    write({ id, result: { said: true } });
    process.exitCode = 70;
    process.stdin.destroy();
  },
  twice: (id) => {
    const reply = `${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n`;
    process.stdout.write(reply + reply);
    process.exitCode = 70;
    process.stdin.destroy();
  },
  drip: (id, params) => void drip(JSON.stringify({ jsonrpc: '2.0', id, result: params })),
  stray: (id) => {
    process.stdout.write('Hello from a stray print\n\n{"half": \n[1,2]\n\u0000\u0001\n');
    write({ method: '$/cancelRequest' });
    write({ id, result: {} });
  },
  say: (id, params) => {
    process.stderr.write(`${String(params['line'])}\n`, () => write({ id, result: {} }));
  },
  flood: (id) => {
    process.stderr.write(`${'x'.repeat(999)}\n`.repeat(2_000), () => write({ id, result: {} }));
  },
  progress: (id, params) => {
    const meta = params['_meta'];
    const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
    for (const done of [1, 2]) {
      write({ method: '$/progress', params: { token, value: { kind: 'report', done, total: 2 } } });
    }
    write({ id, result: { token } });
  },
  // Never done, and never silent.
  busy: (_id, params) => {
    const meta = params['_meta'];
    const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
    setInterval(() => {
      write({ method: '$/progress', params: { token, value: { kind: 'report' } } });
    }, 20).unref();
  },
  deafen: (id) => {
    flags.add('--deaf');
    write({ id, result: {} });
  },
  // A job: its progress comes behind its reply; one behind its end, which never should.
  job: (id, params) => {
    const meta = params['_meta'];
    const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
    write({ id, result: { jobId: 'job_1' } });
    tokens.push(token);
  },
  work: (id) => {
    for (const token of tokens.splice(0)) {
      for (const kind of ['begin', 'report', 'end', 'report']) {
        write({ method: '$/progress', params: { token, value: { kind } } });
      }
    }
    write({ id, result: {} });
  },
  'auth.login': (id) => {
    flags.delete('--signed-out');
    write({ id, result: {} });
  },
  'events.subscribe': (id, params) => {
    if (flags.has('--signed-out')) {
      refuse(id, 1001, 'UNAUTHENTICATED');
      return;
    }
    if (flags.delete('--busy')) {
      refuse(id, -32030, 'OVERLOADED', { type: 'system', retryable: true, retryAfterMs: 1 });
      return;
    }
    const afterSeq = Number(params['afterSeq'] ?? 7);
    write({ id, result: { subscriptionId: 'sub_1', headSeq: afterSeq } });
    for (const seq of [afterSeq, afterSeq + 1]) {
      write({ method: 'event', params: { seq, id: `evt_${seq}`, type: 'lessons.booked' } });
    }
  },
};

function read(line: string): void {
  const message: unknown = JSON.parse(line);
  if (!isJsonObject(message)) {
    return;
  }
  const params = isJsonObject(message['params']) ? message['params'] : {};
  if (message['method'] === '$/cancelRequest' && hanging.delete(params['id'])) {
    refuse(params['id'], -32800, 'REQUEST_CANCELLED');
    return;
  }
  answers[String(message['method'])]?.(message['id'], params);
}

function sayReady(): void {
  const hash = flags.has('--other-contract') ? 'f'.repeat(64) : contractHash;
  const protocolVersion = flags.has('--other-protocol') ? '2' : '1';
  const locked = flags.has('--locked');
  const params = { name: 'stand-in', version: '0', protocolVersion, contractHash: hash };
  write({ method: 'system.ready', params: { ...params, pid: process.pid, locked, bootMs: 1 } });
}

if (flags.has('--stubborn')) {
  process.on('SIGTERM', () => process.stderr.write('SIGTERM ignored\n'));
  setInterval(() => undefined, 60_000);
}
if (flags.has('--migrating')) {
  process.on('SIGUSR2', sayReady);
  process.stderr.write(`${process.pid}\n`);
}
if (flags.has('--noisy')) {
  process.stdout.write('Welcome!\n');
}
if (exitFlag === undefined) {
  createInterface({ input: process.stdin }).on('line', read);
  if (!flags.has('--mute')) {
    sayReady();
  }
} else {
  process.stderr.write('last line before the exit\n');
  process.exitCode = Number(exitFlag.slice('--exit='.length));
}
