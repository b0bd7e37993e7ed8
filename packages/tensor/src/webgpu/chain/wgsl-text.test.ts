import { expect, test } from "vitest";
import { declaredNames, reindexed, renamed, takeWorkgroupVariables } from "./wgsl-text.ts";

const CODE = `// fn commented() {}
struct Pair { a: f32, scale: f32 }
const LIMIT: u32 = 4u;
var<workgroup> parts: array<vec4<f32>, 8>;
fn a(x: f32) -> f32 { let scale = 1.0; var inner = x; return inner * scale; }
fn main_part(p: Pair) -> f32 { return a(p.a) + p.scale; }`;

test("names that are declared outside of functions", () => {
  expect([...declaredNames(CODE)]).toEqual(["Pair", "LIMIT", "parts", "a", "main_part"]);
});

test("other names, but not for members", () => {
  const code = renamed(CODE, (name) => (declaredNames(CODE).has(name) ? `${name}_7` : undefined));
  expect(code).toContain("struct Pair_7 { a: f32, scale: f32 }");
  expect(code).toContain("fn a_7(x: f32) -> f32 { let scale = 1.0; var inner = x; return inner * scale; }");
  expect(code).toContain("fn main_part_7(p: Pair_7) -> f32 { return a_7(p.a) + p.scale; }");
});

test("indices, also within indices", () => {
  const write = (name: string, index: string) => (name.startsWith("w") ? `b[base_${name} + (${index})]` : undefined);
  expect(reindexed("x[w[i + w2[3u]]] = w[y[w[0]]].xy + ww.w[1];", write)).toBe(
    "x[b[base_w + (i + b[base_w2 + (3u)])]] = b[base_w + (y[b[base_w + (0)]])].xy + ww.w[1];",
  );
});

test("workgroup variables", () => {
  const { rest, variables } = takeWorkgroupVariables(CODE);
  expect(rest).not.toContain("parts");
  expect(variables).toEqual([{ name: "parts", type: "array<vec4<f32>, 8>" }]);
});
