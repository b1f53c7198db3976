/** What JSON can hold, and the one guard that most of the shim needs. */

/** An object as it comes off the wire, its members not yet looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Tell whether *value* is an object with named members. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
