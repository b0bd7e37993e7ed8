/**
 * How ids come from the device that has chosen them, and how the host looks at logits before it does.
 */
import { type Device, rows, type Tensor } from "@blackmamba/tensor";
import { MAX_RUN_STEPS, type Slots } from "./slots.ts";

/** What the host does with logits before an id is chosen of them. The device waits for that. */
export interface Look {
  /** Whether to give them to whoever asked for the id, as the model made them. */
  readonly isWanted: boolean;
  /** Changes them in place. */
  readonly change?: ((logits: Float32Array) => void | Promise<void>) | undefined;
}

/** Ids that a queued run chooses. */
export interface QueuedIds {
  readonly ids: Promise<Uint32Array>;
  /** [vocab]: what the id was chosen of, where it is wanted. */
  readonly logits?: Promise<Float32Array> | undefined;
}

/** Does what a look asks for with a row of logits; resolves when an id may be chosen. */
export async function lookAt(
  device: Device,
  logits: Tensor,
  row: number,
  { isWanted, change }: Look,
): Promise<Pick<QueuedIds, "logits">> {
  const found = device.read(rows(logits, row, row + 1));
  found.catch(() => {}); // thrown where they are waited for
  if (!change) return { logits: found };
  const changed = isWanted ? (await found).slice() : await found;
  await change(changed);
  await device.write(logits, changed, row * changed.byteLength);
  return isWanted ? { logits: found } : {};
}

/** The last `times` ids of each slot, whose first so many were chosen before. */
export async function chosenIds(slots: Slots, before: readonly number[], times: number): Promise<Uint32Array[]> {
  const starts = [...before];
  const rings = await slots.readChosen(starts.length);
  return starts.map((start, slot) =>
    Uint32Array.from(
      { length: times },
      (_, i) => rings[slot * MAX_RUN_STEPS + ((start + i) % MAX_RUN_STEPS)] as number,
    ),
  );
}
