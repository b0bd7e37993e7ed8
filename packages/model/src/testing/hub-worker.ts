/**
 * A model's worker as an app may make one itself; here, so that it finds a hub without a network.
 */
import "../worker/entry.ts";

const { fetch: fetchReally } = globalThis;

const hub = (async () => {
  // Not `@blackmamba/testing`'s front door, which brings the test runner along.
  const { createFakeHub } = await import("../../../testing/src/fake-hub.ts");
  const names = ["config.json", "pytorch_model.bin"];
  const files = names.map(async (name) => {
    const response = await fetchReally(`/fixtures/golden/blackmamba/${name}`);
    return [name, new Uint8Array(await response.arrayBuffer())] as const;
  });
  return createFakeHub({ models: { "owner/model": Object.fromEntries(await Promise.all(files)) } });
})();

globalThis.fetch = async (input, init) => (await hub).fetch(input, init);
