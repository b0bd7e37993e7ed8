/**
 * The directions in which imports may point, as a machine checks them (`npm run deps`). Type imports count: an arrow is an
 * arrow. What each package is for: docs/architecture.
 */

/** What each package may import from its neighbours. A package that is not named here may import none. */
const mayImport = {
  tensor: [],
  tokenizer: [],
  storyteller: [],
  kernels: ["tensor"],
  checkpoint: ["tensor"],
  hub: ["checkpoint"],
  testing: ["tensor"],
  bench: ["tensor"],
  ssm: ["tensor", "kernels"],
  moe: ["tensor", "kernels"],
  model: ["tensor", "kernels", "ssm", "moe", "checkpoint", "hub", "tokenizer"],
  server: ["model", "tokenizer"],
  eval: ["model", "tokenizer"],
};

// What only this package's tests share stands in its `src/testing/`.
const testFile = "\\.(test|bench|fuzz)\\.ts$|^packages/[^/]+/src/testing/";
const nodeFile = "(\\.node|/node|^packages/checkpoint/src/file-source)\\.ts$";
// Apps, scripts and the tests' own package run in Node and say so.
const nodeFolder = "^(apps|scripts|packages/testing)/|^packages/[^/]+/scripts/|^vitest\\.config\\.ts$";

const arrows = Object.entries(mayImport).map(([name, neighbours]) => ({
  name: `arrows-of-${name}`,
  comment: `${name} may import ${neighbours.length > 0 ? neighbours.join(", ") : "no other package"}; only its tests may import testing, only its benches bench.`,
  severity: "error",
  // A script that makes a package's files is not in the package.
  // Nor is the storyteller's test, which runs it.
  from: { path: `^packages/${name}/`, pathNot: "^packages/([^/]+/scripts|storyteller/src)/" },
  to: {
    path: "^(packages|apps)/",
    pathNot: `^packages/(${[name, "testing", "bench", ...neighbours].join("|")})/`,
  },
}));

export default {
  forbidden: [
    ...arrows,
    {
      name: "testing-in-tests-only",
      comment: "What tests share is no part of what is published.",
      severity: "error",
      from: { path: "^packages/", pathNot: [testFile, "^packages/testing/"] },
      to: { path: "^packages/(testing|[^/]+/src/testing)/" },
    },
    {
      name: "bench-in-benches-only",
      comment: "What measures is no part of what is measured.",
      severity: "error",
      from: { path: "^packages/", pathNot: ["\\.bench\\.ts$", "^packages/bench/"] },
      to: { path: "^packages/bench/" },
    },
    {
      name: "apps-import-packages",
      comment: "An app stands on packages, never on another app.",
      severity: "error",
      from: { path: "^apps/([^/]+)/" },
      to: { path: "^apps/", pathNot: "^apps/$1/" },
    },
    {
      name: "front-door-only",
      comment: "Another package is entered through what its exports map names, not through its files.",
      severity: "error",
      from: { path: "^(?:packages|apps)/([^/]+)/" },
      to: {
        path: "^packages/[^/]+/src/",
        pathNot: [
          "^packages/$1/",
          "^packages/[^/]+/src/(index|node|fake-hub|chat-template|fuzz/(index|bounds)|worker/(index|entry))\\.ts$",
        ],
      },
    },
    {
      name: "no-circle",
      // A kernel's shader and reference name the operands' type, which stands beside what joins them. Such an import is
      // gone at run time, so it closes no circle.
      comment: "Two files that import each other are one file. (Circles closed by `import type` are none.)",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only", "type-import", "pre-compilation-only"] } },
    },
    {
      name: "node-in-node-files-only",
      comment: "Everything else must run in a browser: Node's modules belong in a `*.node.ts` or `node.ts` file.",
      severity: "error",
      from: { pathNot: [nodeFile, testFile, nodeFolder] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "dawn-in-node-files-only",
      comment: "Dawn is WebGPU for Node; a browser brings its own.",
      severity: "error",
      from: { pathNot: [nodeFile, testFile, nodeFolder] },
      to: { path: ["^webgpu$", "/node_modules/webgpu/"] },
    },
    {
      name: "node-files-only-on-demand",
      comment:
        "A static import of a Node file would end every browser bundle: use `await import(…)`, or a `#name` in package.json's imports with a condition for Node.",
      severity: "error",
      from: { path: "^packages/", pathNot: [nodeFile, testFile, nodeFolder] },
      to: { path: nodeFile, dynamic: false, dependencyTypesNot: ["type-only", "aliased-subpath-import"] },
    },
    {
      name: "resolvable",
      comment: "The import leads nowhere.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|dist-docs)/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      // The sources, so that nothing has to be built first.
      conditionNames: ["@blackmamba/source", "import", "types", "node", "default"],
      extensions: [".ts", ".mjs", ".js", ".d.ts"],
    },
  },
};
