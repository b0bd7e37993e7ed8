/**
 * A model's worker as an app may make one itself; here, so that it finds a hub without a network.
 */
import "../worker/entry.ts";
import { createFakeHub } from "@blackmamba/testing/fake-hub";

const { fetch: fetchReally } = globalThis;

const hub = Promise.all(
  ["config.json", "pytorch_model.bin"].map(async (name) => {
    const response = await fetchReally(`/fixtures/golden/blackmamba/${name}`);
    return [name, new Uint8Array(await response.arrayBuffer())] as const;
  }),
).then((files) => createFakeHub({ models: { "owner/model": Object.fromEntries(files) } }));

globalThis.fetch = async (input, init) => (await hub).fetch(input, init);
