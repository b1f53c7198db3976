/** Params held against the contract, before anything is sent. */

import {
  type ContractValidator,
  type Violation,
  validateMeta,
  validators,
} from '../generated/validators.gen';
import { BackendError } from '../shared/errors';
import type { JsonObject } from '../shared/json';

/** A path and a rule, named as the backend names them in `details.errors`. */
interface Problem {
  readonly path: string;
  readonly rule: string;
}

/** The backend's names (pydantic's) of the keywords of JSON Schema. */
const rules: Readonly<Record<string, string>> = {
  required: 'missing',
  additionalProperties: 'extra_forbidden',
  minLength: 'string_too_short',
  maxLength: 'string_too_long',
  pattern: 'string_pattern_mismatch',
  minimum: 'greater_than_equal',
  exclusiveMinimum: 'greater_than',
  maximum: 'less_than_equal',
  exclusiveMaximum: 'less_than',
  minItems: 'too_short',
  maxItems: 'too_long',
  const: 'literal_error',
};

const byChannel = new Map(Object.entries(validators));

/**
 * Let params through that fit *channel*; a channel of the app's own is none of the contract's.
 *
 * @throws BackendError INVALID_PARAMS, the same as the backend's: paths and rules, never a value.
 */
export function requireParams(channel: string, params: JsonObject): void {
  const { _meta: meta, ...own } = params;
  const validate = byChannel.get(channel);
  const problems = [
    ...(validate === undefined ? [] : problemsOf(validate, own, '')),
    ...(meta === undefined ? [] : problemsOf(validateMeta, meta, '_meta')),
  ];
  if (problems.length > 0) {
    throw new BackendError({
      code: -32602,
      symbol: 'INVALID_PARAMS',
      type: 'validation',
      message: 'The params do not fit the channel; details lists the paths and rules.',
      retryable: false,
      outcome: 'none',
      details: { errors: problems },
    });
  }
}

function problemsOf(validate: ContractValidator, value: unknown, at: string): readonly Problem[] {
  if (validate(value)) {
    return [];
  }
  const byPath = new Map<string, Problem>();
  for (const violation of validate.errors ?? []) {
    if (isPadded(valueAt(value, violation.instancePath))) {
      continue;
    }
    const path = [at, ...pathOf(violation)].filter((part) => part !== '').join('.');
    // Of a value that may be null as well the first is the rule it broke; the rest is `or null`.
    if (!byPath.has(path)) {
      byPath.set(path, { path, rule: ruleOf(violation) });
    }
  }
  return [...byPath.values()];
}

/** Of some texts the backend takes the white space off before it looks; let it look itself. */
function isPadded(value: unknown): boolean {
  return typeof value === 'string' && /^[\s\x85]|[\s\x85]$/.test(value);
}

function valueAt(value: unknown, pointer: string): unknown {
  return partsOf(pointer)
    .slice(1)
    .reduce<unknown>((at, part) => Reflect.get(Object(at), part), value);
}

function pathOf({ instancePath, params }: Violation): readonly string[] {
  const member = params['missingProperty'] ?? params['additionalProperty'];
  const path = partsOf(instancePath);
  return typeof member === 'string' ? [...path, member] : path;
}

function partsOf(pointer: string): readonly string[] {
  return pointer.split('/').map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
}

function ruleOf({ keyword, params }: Violation): string {
  return keyword === 'type' ? `${String(params['type'])}_type` : (rules[keyword] ?? keyword);
}
