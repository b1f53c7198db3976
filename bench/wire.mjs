// Drives real child processes over their pipes, as Electron's main process does, target by target
// and round by round, and prints medians side by side. Usage: node bench/wire.mjs [--quick]

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : 7;
const sequential = quick ? 1_000 : 3_000;
const pipelined = quick ? 10_000 : 40_000;
const inFlight = 64;

const school = mkdtempSync(join(tmpdir(), 'rpcbackend-bench-'));
const env = { ...process.env, PYTHONUTF8: '1' };

class Peer {
  constructor(args) {
    this.started = performance.now();
    this.child = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.waiting = new Map();
    this.rest = Buffer.alloc(0);
    this.nextId = 0;
    this.ready = new Promise((resolve) => {
      this.onReady = resolve;
    });
    this.child.stdout.on('data', (chunk) => this.read(chunk));
  }

  read(chunk) {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let end = data.indexOf(10);
    while (end !== -1) {
      const message = JSON.parse(data.toString('utf8', 0, end));
      if (message.method === 'system.ready') this.onReady(performance.now() - this.started);
      const settle = this.waiting.get(message.id);
      if (settle !== undefined) {
        this.waiting.delete(message.id);
        settle(message);
      }
      data = data.subarray(end + 1);
      end = data.indexOf(10);
    }
    this.rest = data;
  }

  call(method, params) {
    const id = ++this.nextId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, (reply) => (reply.error ? reject(new Error(JSON.stringify(reply.error))) : resolve(reply.result)));
      this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  close() {
    return new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.stdin.end();
    });
  }
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

async function latency(peer, method, params) {
  const micros = [];
  for (let i = 0; i < sequential; i += 1) {
    const from = performance.now();
    await peer.call(method, params());
    micros.push((performance.now() - from) * 1_000);
  }
  return { p50: quantile(micros, 0.5), p99: quantile(micros, 0.99) };
}

async function throughput(peer, method, params, count) {
  let left = count;
  const from = performance.now();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await peer.call(method, params());
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((performance.now() - from) / 1_000);
}

async function fillSchool() {
  const peer = new Peer(['-m', 'rpcbackend', 'serve', '--data-dir', school]);
  await peer.ready;
  const branch = await peer.call('branches.save', { name: 'Mitte', zone: 'Europe/Berlin', currency: 'EUR' });
  const students = [];
  for (let i = 0; i < 200; i += 1) {
    const made = await peer.call('students.create', { branchId: branch.id, givenName: `Given ${i}`, familyName: `Family ${i}`, bornOn: '2007-01-01' });
    students.push(made.student.id);
  }
  const instructor = await peer.call('instructors.save', { branchId: branch.id, givenName: 'Ines', familyName: 'Kraft', categories: ['B'], engagement: 'employee' });
  await peer.close();
  return { students, instructor: instructor.id };
}

const filled = await fillSchool();
let turn = 0;
let lesson = 0;
const student = () => ({ studentId: filled.students[turn++ % filled.students.length] });
// Every booking takes the next free five minutes of one instructor: never a conflict.
const firstStart = Date.parse('2030-01-01T00:00:00Z');
const booking = () => ({ ...student(), instructorId: filled.instructor, startsAt: new Date(firstStart + 300_000 * lesson++).toISOString().replace('.000', ''), durationMinutes: 5 });
const serve = ['-m', 'rpcbackend', 'serve', '--data-dir', school];

const targets = [
  { name: 'bare Python loop, echo', args: [join(here, 'peers', 'bare_loop.py')], method: 'echo', params: student },
  { name: 'bare asyncio + pydantic, echo', args: [join(here, 'peers', 'bare_asyncio.py')], method: 'echo', params: student },
  { name: 'rpcbackend ping', args: serve, method: 'ping', params: () => ({}) },
  { name: 'rpcbackend students.get', args: serve, method: 'students.get', params: student },
  { name: 'rpcbackend lessons.book', args: serve, method: 'lessons.book', params: booking, count: pipelined / 10, sequentialOnly: false },
];

const results = new Map(targets.map((target) => [target.name, { cold: [], p50: [], p99: [], rate: [] }]));
for (let round = 0; round < rounds; round += 1) {
  for (const target of targets) {
    const peer = new Peer(target.args);
    const row = results.get(target.name);
    row.cold.push(await peer.ready);
    await latency(peer, target.method, target.params);
    const { p50, p99 } = await latency(peer, target.method, target.params);
    row.p50.push(p50);
    row.p99.push(p99);
    row.rate.push(await throughput(peer, target.method, target.params, target.count ?? pipelined));
    await peer.close();
  }
}

const median = (values) => quantile(values, 0.5);
const table = targets.map(({ name }) => {
  const row = results.get(name);
  return { name, coldMs: median(row.cold), p50Us: median(row.p50), p99Us: median(row.p99), perSecond: median(row.rate) };
});
const base = table.find((row) => row.name.startsWith('bare asyncio'));
console.log(`| target | cold start ms | p50 µs | p99 µs | requests/s at ${inFlight} | p50 ratio | rate ratio |`);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const row of table) {
  const cells = [row.coldMs.toFixed(0), row.p50Us.toFixed(0), row.p99Us.toFixed(0), Math.round(row.perSecond).toLocaleString('en'), (row.p50Us / base.p50Us).toFixed(2), (row.perSecond / base.perSecond).toFixed(2)];
  console.log(`| ${row.name} | ${cells.join(' | ')} |`);
}
writeFileSync(join(here, 'wire.json'), `${JSON.stringify(table, null, 2)}\n`);
rmSync(school, { recursive: true, force: true });
