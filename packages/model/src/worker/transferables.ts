/** Memory that can be handed over with a message rather than copied. */

/** The buffers of all arrays of numbers in a value of plain objects and arrays, each once. */
export function transferablesOf(value: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const visit = (each: unknown): void => {
    if (ArrayBuffer.isView(each)) {
      // Memory that is shared is no longer so when it is handed over: a message shares it.
      if (each.buffer instanceof ArrayBuffer) buffers.add(each.buffer);
    } else if (typeof each === "object" && each !== null) {
      for (const inner of Object.values(each)) visit(inner);
    }
  };
  visit(value);
  return [...buffers];
}
