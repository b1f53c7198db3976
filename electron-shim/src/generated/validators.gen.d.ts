/** What `scripts/validators.mjs` makes of the contract at each build. */

/** One rule that a value broke: where, as a JSON pointer, and which keyword of the schema. */
export interface Violation {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface ContractValidator {
  (value: unknown): boolean;
  /** Of the last value. */
  readonly errors: readonly Violation[] | null;
}

/** SHA-256 of the contract they were made from. */
export const contractHash: string;
export const validateMeta: ContractValidator;
/** The params of a channel, without `_meta`. */
export const validators: Readonly<Record<string, ContractValidator | undefined>>;
