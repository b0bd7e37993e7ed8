/** The mistakes that can be made with an evaluation's input. */
import { CodedError } from "@blackmamba/model";

/** The text holds nothing that can be evaluated. */
export class EvalInputError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_EVAL_INPUT", message, options);
  }
}
