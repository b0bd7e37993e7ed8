import { expect, test } from "vitest";
import { Sharing } from "./sharing.ts";

/** Works for `count` windows of 4 ms at the given cost, and tells in how many of them it was shared. */
function work(sharing: Sharing, count: number, cost: { shared: number; alone: number }): number {
  let shared = 0;
  for (let window = 0; window < count; window++) {
    if (sharing.isShared) shared++;
    sharing.note(4 / (sharing.isShared ? cost.shared : cost.alone), 4);
  }
  return shared;
}

test("on an idle machine all but one window is shared", () => {
  expect(work(new Sharing(), 100, { shared: 0.6, alone: 1 })).toBe(99);
});

test("where sharing is slower, it is only tried now and then", () => {
  expect(work(new Sharing(), 140, { shared: 1.5, alone: 1 })).toBeLessThan(7);
});

test("it follows the machine", () => {
  const sharing = new Sharing();
  work(sharing, 50, { shared: 0.6, alone: 1 });
  // Others come: a few windows to notice, then mostly alone.
  expect(work(sharing, 100, { shared: 3, alone: 2 })).toBeLessThan(20);
  // And go.
  work(sharing, 100, { shared: 0.6, alone: 1 });
  expect(work(sharing, 50, { shared: 0.6, alone: 1 })).toBe(50);
});

test("short work counts once there is enough of it", () => {
  const sharing = new Sharing();
  for (let i = 0; i < 39; i++) sharing.note(0.1, 0.1);
  expect(sharing.isShared).toBe(true);
  sharing.note(0.1, 0.2);
  expect(sharing.isShared).toBe(false);
});
