/** The three ways to say what params a channel takes. */

import { BackendError } from '../shared/errors';
import { shimError } from '../shared/shimErrors';

/** The part of Standard Schema (standardschema.dev, version 1) that is used here. */
export interface StandardSchema<P> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<P> | Promise<StandardResult<P>>;
  };
}

type StandardResult<P> =
  | { readonly value: P; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** A predicate, a parse function that throws, or a Standard Schema (valibot, zod, …). */
export type Validator<P> =
  | ((value: unknown) => value is P)
  | ((value: unknown) => P)
  | StandardSchema<P>;

/** Read params. @throws BackendError PARAMS_REFUSED; the refused value stays out of it. */
export async function readParams<P>(validator: Validator<P>, value: unknown): Promise<P> {
  if (typeof validator !== 'function') {
    const result = await validator['~standard'].validate(value);
    if (result.issues === undefined) {
      return result.value;
    }
    throw shimError('PARAMS_REFUSED', {
      details: { issues: result.issues.map((issue) => issue.message) },
    });
  }
  return runFunction(validator, value);
}

function runFunction<P>(validator: (value: unknown) => boolean | P, value: unknown): P {
  let answer: boolean | P;
  try {
    answer = validator(value);
  } catch (error) {
    throw error instanceof BackendError ? error : shimError('PARAMS_REFUSED');
  }
  if (answer === false) {
    throw shimError('PARAMS_REFUSED');
  }
  // Params are objects, so a boolean can only be the verdict of a predicate.
  return (answer === true ? value : answer) as P;
}
