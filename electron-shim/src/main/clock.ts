/** Time that nobody sets. */

/** Milliseconds since some moment; of the time of day they would tell nothing. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
