/** Two looks at system.metrics, and what happened in between; knows no document. */

/**
 * @typedef {{belowMs: number, count: number}} Bucket
 * @typedef {{count: number, p50Ms: number | null, p95Ms: number | null, p99Ms: number | null, buckets?: Bucket[] | null}} Times
 */

/**
 * Return the percentiles of what came between two looks: the buckets of a histogram add up, so they
 * subtract too.
 *
 * @type {(before: Times, after: Times) => {count: number, p50: number | null, p95: number | null, p99: number | null}}
 */
export function between(before, after) {
  const old = new Map((before.buckets ?? []).map(({ belowMs, count }) => [belowMs, count]));
  const buckets = (after.buckets ?? [])
    .map(({ belowMs, count }) => ({ belowMs, count: count - (old.get(belowMs) ?? 0) }))
    .filter(({ count }) => count > 0)
    .sort((one, other) => one.belowMs - other.belowMs);
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const at = (/** @type {number} */ share) => quantile(buckets, count, share);
  return { count, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** @type {(buckets: Bucket[], count: number, share: number) => number | null} */
function quantile(buckets, count, share) {
  let left = Math.ceil(count * share);
  for (const bucket of buckets) {
    left -= bucket.count;
    if (left <= 0) return bucket.belowMs;
  }
  return null;
}

/** A row of numbers with a bound: the oldest goes. */
export class Recent {
  /** @type {(number | null)[]} */
  values = [];

  /** @param {number} most */
  constructor(most) {
    this.most = most;
  }

  /** @param {number | null} value */
  push(value) {
    this.values.push(value);
    if (this.values.length > this.most) this.values.shift();
  }
}
