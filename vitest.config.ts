/**
 * Where the tests run: in Node, and in a real browser. Both have the CPU device and WebGPU, the latter on a software
 * adapter unless BLACKMAMBA_TEST_ADAPTER=system asks for the machine's own.
 *
 * A test learns its devices from vitest's `inject("devices")`, never from the environment.
 */
import { playwright } from "@vitest/browser-playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import {
  chromiumOptions,
  isSoftwareAdapterSupported,
  prepareSoftwareAdapter,
  usesSystemAdapter,
} from "./scripts/software-adapter.mjs";

const isWebgpuOff = process.env["BLACKMAMBA_NO_WEBGPU"] === "1";
const devices: ("cpu" | "webgpu")[] = isWebgpuOff ? ["cpu"] : ["cpu", "webgpu"];
const software = isWebgpuOff || !isSoftwareAdapterSupported() ? undefined : await prepareSoftwareAdapter();

/** Workspace packages resolve to their TypeScript: tests need no build, and cannot test a stale one. */
const sourceCondition = "@blackmamba/source";

// Two files at a time, and minutes for one test: the GPU is software.
const limits = { testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 2 };

const node = defineConfig({
  ssr: { resolve: { conditions: [sourceCondition, ...defaultServerConditions] } },
  resolve: { conditions: [sourceCondition, ...defaultServerConditions] },
  test: {
    ...limits,
    name: "node",
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "scripts/**/*.test.mjs"],
    exclude: ["**/node_modules/**", "**/*.browser.test.ts"],
    // One process per file: two WebGPU devices in one process, or much work before the first dispatch, can abort Dawn.
    pool: "forks",
    isolate: true,
    // In the environment from the start of each process: the dynamic linker reads it only then.
    env: usesSystemAdapter() ? {} : { ...software?.nodeEnvironment },
    provide: { devices },
    sequence: { groupOrder: 0 },
  },
});

const chromium = defineConfig({
  // The root is the repository, so `fetch("/fixtures/…")` answers with the file's bytes.
  publicDir: false,
  resolve: { conditions: [sourceCondition, ...defaultClientConditions] },
  // Dawn for Node: never for a browser.
  optimizeDeps: { exclude: ["webgpu"] },
  // Cross-origin isolation: without it a page may not share memory with threads.
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    ...limits,
    include: ["packages/{tensor,kernels,ssm,moe,model,tokenizer,hub,eval,testing}/src/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.node.test.ts"],
    provide: { devices },
    // After the other project: together they would share two processors.
    sequence: { groupOrder: 1 },
    fileParallelism: false,
    maxWorkers: 1,
    browser: {
      enabled: true,
      headless: true,
      ui: false,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: chromiumOptions(software),
      }),
      instances: [{ browser: "chromium", name: "chromium" }],
    },
  },
});

/** The site as it is built, as a visitor finds it. */
const site = defineConfig({
  ssr: { resolve: { conditions: [sourceCondition, ...defaultServerConditions] } },
  resolve: { conditions: [sourceCondition, ...defaultServerConditions] },
  test: {
    ...limits,
    name: "site",
    include: ["apps/docs/e2e/**/*.test.ts"],
    globalSetup: "apps/docs/e2e/site.ts",
    pool: "forks",
    // One browser at a time.
    fileParallelism: false,
    maxWorkers: 1,
    sequence: { groupOrder: 2 },
  },
});

export default defineConfig({ test: { projects: isWebgpuOff ? [node] : [node, chromium, site] } });
