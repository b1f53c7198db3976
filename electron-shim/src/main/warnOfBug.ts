/** Where the errors of listeners and handlers go: they end nothing, but somebody must see them. */

/** Print *error* as a warning of the process. */
export function warnOfBug(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
