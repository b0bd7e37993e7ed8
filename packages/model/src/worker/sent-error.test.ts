import { CodedError, KernelError } from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { ModelFileError } from "../errors.ts";
import { CLASSES, receiveError, sendError } from "./sent-error.ts";

/** There and back through a message. */
const send = (error: unknown) => receiveError(structuredClone(sendError(error)));

describe("an error that was sent", () => {
  test("is an instance of its class, and tells what it told", () => {
    const error = new ModelFileError("config.json is missing", { cause: new KernelError("linear", "no room") });
    const sent = send(error) as ModelFileError;
    expect(sent).toBeInstanceOf(ModelFileError);
    expect(sent).toMatchObject({ code: "ERR_MODEL_FILE", name: "ModelFileError", message: "config.json is missing" });
    expect(sent.stack).toBe(error.stack);
    expect(sent.cause).toBeInstanceOf(KernelError);
    expect(sent.cause).toMatchObject({ kernel: "linear", message: "kernel linear: no room" });
  });

  test("of another package is a CodedError with its code and fields", () => {
    class StatusError extends CodedError {
      readonly status = 404;
    }
    const sent = send(new StatusError("ERR_HTTP_STATUS", "not there"));
    expect(sent).toBeInstanceOf(CodedError);
    expect(sent).toMatchObject({ code: "ERR_HTTP_STATUS", status: 404, name: "StatusError" });
  });

  test("of JavaScript or the browser stays one", () => {
    expect(send(new RangeError("too long"))).toBeInstanceOf(RangeError);
    expect(send(new Error("plain", { cause: "text" }))).toMatchObject({ message: "plain", cause: "text" });
    const abort = send(new DOMException("stopped", "AbortError"));
    expect(abort).toBeInstanceOf(DOMException);
    expect(abort).toMatchObject({ name: "AbortError", message: "stopped" });
  });

  test("may be no error at all", () => {
    expect(send({ why: 1 })).toEqual({ why: 1 });
    expect(send(() => 1)).toBe("() => 1");
  });
});

test("each class is found by the code that it gives", () => {
  for (const [code, own] of Object.entries(CLASSES)) {
    const create = own as unknown as new (...args: string[]) => CodedError;
    expect(new create("", "", "").code).toBe(code);
  }
});
