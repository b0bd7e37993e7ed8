/**
 * What `deploy/` names is there: commands parse with the real program, addresses are the server's, ports and names fit each other. Nothing
 * is built or deployed here.
 */
import { access, readFile } from "node:fs/promises";
import { createServer } from "@blackmamba/server";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { ServeCommandOptions } from "./commands/serve.ts";
import type { Library } from "./library.ts";
import { createProgram } from "./program.ts";
import { fakeIo } from "./testing/fake-io.ts";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFile(new URL(path, root), "utf8");

/** The options that a command line of `serve` gives; throws where there are no such. */
async function serveOptions(args: readonly string[]): Promise<ServeCommandOptions> {
  const program = createProgram(fakeIo(), {} as Library);
  const command = program.commands.find((each) => each.name() === "serve");
  let options: ServeCommandOptions | undefined;
  command?.action((found: ServeCommandOptions) => {
    options = found;
  });
  await program.parseAsync([...args], { from: "user" });
  if (!options) throw new Error(`${args.join(" ")}: expected a command line of serve`);
  return options;
}

/** Whether a server has an address. */
async function hasAddress(path: string): Promise<boolean> {
  const server = createServer(new Promise<never>(() => {}), { modelName: "m" });
  return (await server.fetch(new Request(`http://localhost${path}`))).status !== 404;
}

describe("the container file", async () => {
  const text = (await read("deploy/Dockerfile")).replaceAll(/^#.*\n/gm, "").replaceAll("\\\n", " ");
  const lines = text.split("\n").filter((line) => line !== "");
  const argumentsOf = (name: string) =>
    lines.filter((line) => line.trim().startsWith(`${name} `)).map((line) => line.trim().slice(name.length + 1));

  test("starts the program with options that it has, at the port that it says", async () => {
    const options = await serveOptions(JSON.parse(argumentsOf("CMD").at(-1) ?? ""));
    expect(options).toMatchObject({ host: "0.0.0.0", port: 8080, device: "cpu" });
    expect(argumentsOf("EXPOSE")).toEqual([String(options.port)]);
    const [, program = ""] = JSON.parse(argumentsOf("ENTRYPOINT")[0] ?? "");
    // The folder that pnpm makes of this package.
    await access(new URL(program.replace("/app/", "apps/cli/"), root));
  });

  test("is asked for its health where that is", async () => {
    const [, address = ""] =
      /fetch\('http:\/\/127\.0\.0\.1:8080([^']+)'\)/.exec(argumentsOf("HEALTHCHECK")[0] ?? "") ?? [];
    expect(address).toBe("/health");
    expect(await hasAddress(address)).toBe(true);
  });

  test("has a Node that the packages run on, the pnpm of the repository, and is not run by root", async () => {
    const { packageManager, engines } = JSON.parse(await read("package.json"));
    const least = Number(/^>=(\d+)/.exec(engines.node)?.[1]);
    for (const image of argumentsOf("FROM")) expect(Number(/^node:(\d+)-slim/.exec(image)?.[1])).toBeGreaterThan(least);
    expect(text.match(/pnpm@[\d.]+/g)).toEqual([packageManager, packageManager]);
    expect(Number(argumentsOf("USER")[0])).toBeGreaterThan(0);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: of Kubernetes' forms only what is looked at below
type Manifest = any;

describe("the example for Kubernetes", async () => {
  const documents = parseAllDocuments(await read("deploy/kubernetes.yaml"));
  const manifests: Manifest[] = documents.map((document) => document.toJS());
  const ofKind = (kind: string): Manifest => manifests.find((manifest) => manifest.kind === kind);
  const pod = ofKind("Deployment").spec.template;
  const [container] = pod.spec.containers;

  test("is YAML", () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(manifests.map(({ kind }) => kind)).toEqual(["Deployment", "Service", "PodDisruptionBudget"]);
  });

  test("starts the program with options that it has, at the port that is led to", async () => {
    const options = await serveOptions(container.args);
    const [port] = container.ports;
    expect(port.containerPort).toBe(options.port);
    expect(pod.metadata.annotations["prometheus.io/port"]).toBe(String(options.port));
    expect(ofKind("Service").spec.ports[0].targetPort).toBe(port.name);
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      expect(container[probe].httpGet.port).toBe(port.name);
    }
  });

  test("asks at addresses that there are: readiness where it ends with the server, liveness where it does not", async () => {
    const paths = [
      ...["startupProbe", "readinessProbe", "livenessProbe"].map((probe) => container[probe].httpGet.path),
      pod.metadata.annotations["prometheus.io/path"],
    ];
    expect(paths).toEqual(["/health", "/health", "/health/live", "/metrics"]);
    for (const path of paths) expect(await hasAddress(path)).toBe(true);
  });

  test("gives the server the time that it takes to end", async () => {
    const { shutdownTimeout } = await serveOptions(container.args);
    const [, waited] = container.lifecycle.preStop.exec.command;
    expect(pod.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(Number(waited) * 1000 + shutdownTimeout);
  });

  test("gives keys in the variable that is read, and volumes where they are written to", async () => {
    expect(container.env.map(({ name }: { name: string }) => name)).toEqual(["BLACKMAMBA_API_KEYS"]);
    expect(await read("apps/cli/src/commands/serve.ts")).toContain('io.env["BLACKMAMBA_API_KEYS"]');
    const names = (list: { name: string }[]) => list.map(({ name }) => name).sort();
    expect(names(container.volumeMounts)).toEqual(names(pod.spec.volumes));
    const [, cache] = /HF_HUB_CACHE=(\S+)/.exec(await read("deploy/Dockerfile")) ?? [];
    expect(container.volumeMounts[0].mountPath).toBe(cache);
  });

  test("means the same pods everywhere", () => {
    const labels = pod.metadata.labels;
    expect(ofKind("Deployment").spec.selector.matchLabels).toEqual(labels);
    expect(ofKind("Service").spec.selector).toEqual(labels);
    expect(ofKind("PodDisruptionBudget").spec.selector.matchLabels).toEqual(labels);
  });
});
