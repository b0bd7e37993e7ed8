/** Tests of errors: what a call throws, and that it is an error this package throws on purpose. */

import { CodedError } from "@blackmamba/tensor";

/** The `CodedError` that the promise rejects with. Throws if it resolves, or rejects with anything else. */
export async function codedError(promise: Promise<unknown>): Promise<CodedError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw new Error(`a CodedError expected, ${String(error)} thrown`, { cause: error });
  }
  throw new Error("a CodedError expected, nothing thrown");
}
