/** How the backend is: its health, and its latencies as they are now. */

import { sizeOf } from './answer.js';
import { lines } from './charts.js';
import { between, Recent } from './figures.js';
import { latencyTable } from './latencies.js';

const EVERY_MS = 2_000;
const KEPT = 90;

const ms = (/** @type {number} */ value) => Format.span(value);

export class HealthView {
  #place = byId('health-view');
  #cards = make('dl', { class: 'figures' });
  #charts = make('div', { class: 'charts' });
  #table = make('div', {
    class: 'scroll',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Latency by channel',
  });
  #note = make('p', { class: 'soft small', role: 'status' });
  /** @type {any} */
  #before = null;
  /** @type {number | undefined} */
  #timer;
  #rate = new Recent(KEPT);
  #failed = new Recent(KEPT);
  #p50 = new Recent(KEPT);
  #p95 = new Recent(KEPT);
  #p99 = new Recent(KEPT);
  #lag = new Recent(KEPT);
  #cpu = new Recent(KEPT);

  /** @param {import('./api.js').Api} api @param {AbortSignal} signal Ends it. */
  constructor(api, signal) {
    this.api = api;
    this.signal = signal;
    this.#place.replaceChildren(
      make(
        'header',
        { class: 'head' },
        make('h1', { id: 'health-title', tabindex: '-1' }, 'Health'),
        this.#note,
      ),
      this.#cards,
      this.#charts,
      this.#table,
    );
    document.addEventListener('visibilitychange', () => this.#schedule(0), { signal });
  }

  show() {
    this.#schedule(0);
  }

  /** Look again after a while, as long as somebody looks at it. @param {number} afterMs */
  #schedule(afterMs) {
    clearTimeout(this.#timer);
    const isSeen = !this.#place.hidden && !document.hidden;
    if (!isSeen || this.signal.aborted || !this.api.isSignedIn) return;
    this.#timer = window.setTimeout(() => void this.#look(), afterMs);
  }

  async #look() {
    const [health, metrics] = await Promise.all([
      this.api.call('system.health', {}),
      this.api.call('system.metrics', { buckets: true }),
    ]);
    if (this.signal.aborted) return;
    if (health.data) this.#showHealth(health.data, metrics.data?.metrics ?? null);
    // Old figures are still worth a look, but nobody is to take them for new ones.
    this.#cards.classList.toggle('stale', health.data === null);
    if (metrics.data) this.#showMetrics(metrics.data.metrics);
    const wrong = health.error ?? metrics.error;
    this.#note.textContent = wrong
      ? `${wrong.code}: ${wrong.message}`
      : `every ${EVERY_MS / 1_000} s`;
    this.#schedule(EVERY_MS);
  }

  /** @param {any} health @param {any} metrics */
  #showHealth(health, metrics) {
    const [hour] = health.service ?? [];
    const figures = [
      ['status', health.status, health.status === 'ok' ? 'fine' : 'wrong'],
      ['version', health.version],
      ['up for', Format.span(health.uptimeMs)],
      ['in flight', String(health.inFlight)],
      ['queued', String(health.queued)],
      ...(typeof hour?.p99Ms === 'number' ? [['p99, last hour', ms(hour.p99Ms)]] : []),
      ...(metrics ? machineFigures(metrics) : []),
    ];
    this.#cards.replaceChildren(
      ...figures.map(([name, value, state = '']) =>
        make('div', { class: `card ${state}` }, make('dt', {}, name), make('dd', {}, value)),
      ),
    );
  }

  /** @param {any} metrics */
  #showMetrics(metrics) {
    const before = this.#before;
    this.#before = metrics;
    // After a restart its figures begin anew.
    const isSame = before !== null && before.pid === metrics.pid;
    const seconds = isSame ? Math.max(0.001, (metrics.uptimeMs - before.uptimeMs) / 1_000) : 1;
    if (isSame) this.#keep(before, metrics, seconds);
    const chart = (
      /** @type {string} */ title,
      /** @type {Record<string, Recent>} */ of,
      /** @type {(value: number) => string} */ say,
    ) => {
      const series = Object.entries(of).map(([name, { values }]) => ({ name, values }));
      return lines(title, series, KEPT, say);
    };
    this.#charts.replaceChildren(
      chart('Latency of calls', { p50: this.#p50, p95: this.#p95, p99: this.#p99 }, ms),
      chart('Calls a second', { failed: this.#failed, calls: this.#rate }, (value) =>
        value.toFixed(1),
      ),
      chart('Processor', { cpu: this.#cpu }, (value) => `${value.toFixed(value < 10 ? 1 : 0)} %`),
      chart('Lag of the event loop', { p99: this.#lag }, ms),
    );
    this.#table.replaceChildren(
      latencyTable(metrics.calls.channels, isSame ? before.calls.channels : [], seconds),
    );
  }

  /** @type {(before: any, after: any, seconds: number) => void} */
  #keep(before, after, seconds) {
    const now = between(before.calls.work, after.calls.work);
    this.#rate.push((after.calls.work.count - before.calls.work.count) / seconds);
    this.#failed.push((after.calls.failed - before.calls.failed) / seconds);
    this.#p50.push(now.p50);
    this.#p95.push(now.p95);
    this.#p99.push(now.p99);
    this.#cpu.push((100 * (after.process.cpuSeconds - before.process.cpuSeconds)) / seconds);
    // It is looked at every few seconds only.
    const lag = between(before.process.loopLag, after.process.loopLag).p99;
    this.#lag.push(lag ?? this.#lag.values.at(-1) ?? null);
  }
}

/** @param {any} metrics @returns {string[][]} */
function machineFigures({ process, store, cache }) {
  const figures = [['memory', sizeOf(process.rssBytes)]];
  if (store) {
    if (store.databaseBytes !== null) figures.push(['database', sizeOf(store.databaseBytes)]);
    if (store.diskFreeBytes !== null) figures.push(['disk free', sizeOf(store.diskFreeBytes)]);
  }
  const asked = cache ? cache.hits + cache.misses + cache.shared + cache.unchanged : 0;
  if (asked > 0)
    figures.push(['answers kept', `${Math.round((100 * (asked - cache.misses)) / asked)} % hits`]);
  return figures;
}
