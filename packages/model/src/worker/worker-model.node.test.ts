import { expect, test } from "vitest";
import { BlackMamba, describeModel, WorkerError } from "./index.ts";

test("where there are no workers, that is what is said", async () => {
  for (const loading of [BlackMamba.load("owner/model"), describeModel("owner/model")]) {
    await expect(loading).rejects.toBeInstanceOf(WorkerError);
    await expect(loading).rejects.toThrow(/is for browsers.*in Node import @blackmamba\/model/);
  }
});
