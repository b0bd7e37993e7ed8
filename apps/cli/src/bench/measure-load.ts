/**
 * How long a model takes from its file to the device, beside what it could take at best: reading the file alone, and giving the device
 * as many bytes alone.
 */
import { isFile, openFile } from "@blackmamba/checkpoint/node";
import { type BlackMamba, createCpuDevice, type Device, describeModel } from "@blackmamba/model";
import type { LoadReport } from "./report.ts";

/** As large as what loading reads and writes at a time. */
const PIECE_BYTE_LENGTH = 8 * 1024 * 1024;

/** A model that was loaded, and what that took. */
export interface TimedLoad {
  readonly model: BlackMamba;
  readonly durationMs: number;
  /** Most memory that the process had held by then, in bytes. */
  readonly peakHostBytes: number;
}

/** Loads, by the clock. */
export async function timeLoad(load: () => Promise<BlackMamba>): Promise<TimedLoad> {
  const start = performance.now();
  const model = await load();
  const durationMs = performance.now() - start;
  return { model, durationMs, peakHostBytes: process.resourceUsage().maxRSS * 1024 };
}

/** Options of {@link compareLoad}. */
export interface CompareLoadOptions {
  readonly load: Omit<TimedLoad, "model">;
  /** Of the weights on the device. */
  readonly byteLength: number;
  readonly device: Device;
  readonly signal: AbortSignal;
}

/** Compares a load with its parts. The model must be gone, so that there is room for its bytes once more. */
export async function compareLoad(
  folder: string,
  { load, byteLength, device, signal }: CompareLoadOptions,
): Promise<LoadReport> {
  const { weightsName } = await describeModel(folder, { signal });
  const readAloneMs = (await isFile(weightsName)) ? await timeReading(weightsName, signal) : undefined;
  const uploadAloneMs = await timeUpload(device, byteLength, signal);
  return {
    byteLength,
    durationMs: load.durationMs,
    ...{ readAloneMs, uploadAloneMs },
    byTheSlower: load.durationMs / Math.max(readAloneMs ?? 0, uploadAloneMs),
    // On a processor the weights are in the same memory.
    hostBytesBeyond: load.peakHostBytes - (device.kind === "cpu" ? byteLength : 0),
  };
}

async function timeReading(path: string, signal: AbortSignal): Promise<number> {
  const source = await openFile(path);
  try {
    const start = performance.now();
    for (let at = 0; at < source.byteLength; at += PIECE_BYTE_LENGTH) {
      await source.read(at, Math.min(PIECE_BYTE_LENGTH, source.byteLength - at), { signal });
    }
    return performance.now() - start;
  } finally {
    await source.close?.();
  }
}

/** From one piece of memory, to tensors as large as it: nothing but the device's own work. */
async function timeUpload(device: Device, byteLength: number, signal: AbortSignal): Promise<number> {
  // The CPU's memory that a model has left is there already, and faster than what a load finds.
  const own = device.kind === "cpu" ? createCpuDevice() : undefined;
  const target = own ?? device;
  const piece = new Uint8Array(PIECE_BYTE_LENGTH).fill(1);
  const count = Math.ceil(byteLength / PIECE_BYTE_LENGTH);
  const start = performance.now();
  const tensors = target.createTensors(
    Array.from({ length: count }, (_, i) => ({ dtype: "u32", shape: [PIECE_BYTE_LENGTH / 4], label: `piece ${i}` })),
  );
  try {
    for (const tensor of tensors) {
      signal.throwIfAborted();
      await target.write(tensor, piece);
    }
    await target.settled();
    return performance.now() - start;
  } finally {
    for (const { storage } of tensors) storage.dispose();
    await own?.dispose();
  }
}
