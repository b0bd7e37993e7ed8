/**
 * Who waits for whom, and what is told: on models that are only pretended. Real devices are lost in `device-lost.test.ts`.
 */
import { DeviceLostError, DisposedError } from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import type { DeviceModel } from "./device-model.ts";
import { RenewableModel } from "./renewable-model.ts";

/** A model that is not there, on a device that can be lost. */
class PretendedModel {
  readonly name: string;
  readonly ownsDevice: boolean;
  lost: DeviceLostError | undefined;
  disposals = 0;

  constructor(name: string, ownsDevice = true) {
    this.name = name;
    this.ownsDevice = ownsDevice;
  }

  noteLoss(error: DeviceLostError): void {
    this.lost ??= error;
  }

  async dispose(): Promise<void> {
    this.disposals += 1;
  }
}

const lost = (name = "first") => new DeviceLostError(`${name} was lost`);
const nameOf = (model: DeviceModel) => (model as unknown as PretendedModel).name;

/** A renewable model, whose next ones are called "second", "third" and so on. */
function renewable({ ownsDevice = true, make = async (model: PretendedModel, _signal: AbortSignal) => model } = {}) {
  const first = new PretendedModel("first", ownsDevice);
  const names = ["second", "third", "fourth"];
  const made: PretendedModel[] = [];
  const told: string[] = [];
  const model = new RenewableModel(first as unknown as DeviceModel, {
    async make(signal) {
      const next = new PretendedModel(String(names.shift()));
      made.push(next);
      return (await make(next, signal)) as unknown as DeviceModel;
    },
    onDeviceLost: ({ message }) => told.push(message),
  });
  return { model, first, made, told };
}

/** Fails on the models of these names. */
const failingOn =
  (...names: string[]) =>
  async (model: DeviceModel) => {
    const name = nameOf(model);
    if (names.includes(name)) throw lost(name);
    return name;
  };

/** A promise that is resolved from outside. */
function gate() {
  let resolve = () => {};
  const promise = new Promise<void>((open) => {
    resolve = open;
  });
  return { promise, resolve };
}

describe("a model that can be made again", () => {
  test("is used as it is while nothing is lost, and errors come through", async () => {
    const { model, made } = renewable();
    expect(await model.use(failingOn(), undefined)).toBe("first");
    await expect(model.use(() => Promise.reject(new TypeError("mine")), undefined)).rejects.toThrow(TypeError);
    expect(made).toEqual([]);
  });

  test("is made once for all who notice, and the old one is freed before", async () => {
    const { model, first, made, told } = renewable({
      make: async (next) => {
        expect(first.disposals).toBe(1);
        return next;
      },
    });
    const calls = [failingOn("first"), failingOn("first"), failingOn("first")];
    expect(await Promise.all(calls.map((call) => model.use(call, undefined)))).toEqual(Array(3).fill("second"));
    expect([made.length, told]).toEqual([1, ["first was lost"]]);
    expect(nameOf(model.current)).toBe("second");
  });

  test("is made again before it is used where the loss is known by then", async () => {
    const { model, first, told } = renewable();
    first.noteLoss(lost());
    expect(await model.use(failingOn("first"), undefined)).toBe("second");
    expect(told).toEqual(["first was lost"]);
  });

  test("those that find what was lost disposed begin again too", async () => {
    const { model, first } = renewable();
    const late = async (on: DeviceModel) => {
      if (nameOf(on) !== "first") return nameOf(on);
      first.noteLoss(lost());
      throw new DisposedError("model");
    };
    expect(await model.use(late, undefined)).toBe("second");
  });

  test("a call begins again once, and then says so", async () => {
    const { model, made } = renewable();
    const error = await model.use(failingOn("first", "second", "third"), undefined).catch((reason) => reason);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.message).toMatch(/^lost twice, with no progress in between, .*second was lost$/);
    expect(made).toHaveLength(1);
    // The next call makes it again, as that may be the last.
    expect(await model.use(failingOn("first", "second"), undefined)).toBe("third");
  });

  test("a call that gets further each time goes on", async () => {
    const { model, first } = renewable();
    const recovery = model.recovery();
    let current = first as unknown as DeviceModel;
    for (const progress of [0, 1, 2]) current = await recovery.after(current, lost(), progress, undefined);
    expect(nameOf(current)).toBe("fourth");
    await expect(recovery.after(current, lost(), 2, undefined)).rejects.toThrow("with no progress in between");
  });

  test("what fails while it is made is told, and may be tried again", async () => {
    let failures = 1;
    const { model, told } = renewable({
      make: async (next) => {
        if (failures-- > 0) throw lost(next.name);
        return next;
      },
    });
    const error = await model.use(failingOn("first"), undefined).catch((reason) => reason);
    expect(error).toMatchObject({
      code: "ERR_DEVICE_LOST",
      message: "the model's device was lost, and making the model again failed: second was lost",
    });
    expect(error.cause).toBeInstanceOf(DeviceLostError);
    expect(await model.use(failingOn("first"), undefined)).toBe("third");
    expect(told).toEqual(["first was lost", "first was lost"]);
  });

  test("a signal ends the wait of its own call alone", async () => {
    const opened = gate();
    const { model } = renewable({ make: (next) => opened.promise.then(() => next) });
    const controller = new AbortController();
    const aborted = model.use(failingOn("first"), controller.signal);
    const waiting = model.use(failingOn("first"), undefined);
    controller.abort(new Error("too long"));
    await expect(aborted).rejects.toThrow("too long");
    await expect(model.use(failingOn("first"), controller.signal)).rejects.toThrow("too long");
    opened.resolve();
    expect(await waiting).toBe("second");
  });

  test.each(["while it is opened", "once it is there"])("may be disposed while it is made: %s", async (when) => {
    const begun = gate();
    const opened = gate();
    const { model, first, made } = renewable({
      make: async (next, signal) => {
        begun.resolve();
        await opened.promise;
        if (when === "while it is opened") signal.throwIfAborted();
        return next;
      },
    });
    const waiting = model.use(failingOn("first"), undefined);
    waiting.catch(() => {});
    await begun.promise;
    const disposing = model.dispose();
    opened.resolve();
    await disposing;
    await expect(waiting).rejects.toThrow("model was disposed");
    await expect(waiting).rejects.toThrow(DisposedError);
    expect(first.disposals).toBeGreaterThan(0);
    if (when === "once it is there") expect(made[0]?.disposals).toBe(1);
    await expect(model.use(failingOn(), undefined)).rejects.toThrow("model was disposed");
    await model.dispose();
  });

  test("on a device that was given it is not, and the error says what to do", async () => {
    const { model, made, told } = renewable({ ownsDevice: false });
    const error = await model.use(failingOn("first"), undefined).catch((reason) => reason);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.message).toMatch(/^first was lost; the model was given this device and cannot open it again: /);
    // One that its owner has disposed is another matter.
    const disposed = () => Promise.reject(new DisposedError("WebGPU device"));
    await expect(model.use(disposed, undefined)).rejects.toThrow("WebGPU device was disposed");
    expect([made, told]).toEqual([[], []]);
  });
});
