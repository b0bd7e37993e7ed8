/**
 * Turns shaders into compute pipelines, one for each distinct code: layers of equal shape share theirs.
 */
import { KernelError } from "../errors.ts";
import type { Binding, Shader } from "../kernel.ts";

/** A compute pipeline with the layout its bind groups must have. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles on first use and remembers. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Throws a KernelError with the compiler's words when the shader is refused. */
  get(kernel: string, shader: Shader): Promise<Pipeline> {
    const code = wgsl(shader);
    return this.compile(
      kernel,
      code,
      shader.bindings.map(({ access }) => access),
    );
  }

  /** The same of the whole code. Its bindings are a uniform, then storage buffers with such accesses. */
  compile(kernel: string, code: string, accesses: readonly Binding["access"][]): Promise<Pipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      pipeline = this.#compile(kernel, code, accesses);
      this.#pipelines.set(code, pipeline);
      // What failed for a passing reason may be tried again.
      pipeline.catch(() => this.#pipelines.delete(code));
    }
    return pipeline;
  }

  /** When nothing is being compiled any more: a process that ends before that can crash within a driver. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pipelines.values());
  }

  async #compile(kernel: string, code: string, accesses: readonly Binding["access"][]): Promise<Pipeline> {
    const device = this.#device;
    const max = device.limits.maxStorageBuffersPerShaderStage;
    if (accesses.length > max) {
      throw new KernelError(kernel, `needs ${accesses.length} storage buffers, this device allows ${max} a shader`);
    }
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: kernel, code });
    // An explicit layout, because "auto" drops bindings that a variant of the shader does not use.
    const layout = device.createBindGroupLayout({
      label: kernel,
      entries: [
        "uniform" as const,
        ...accesses.map((access) => (access === "read" ? ("read-only-storage" as const) : ("storage" as const))),
      ].map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
    });
    const pipelineLayout = device.createPipelineLayout({ label: kernel, bindGroupLayouts: [layout] });
    const scope = device.popErrorScope();
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: kernel,
        layout: pipelineLayout,
        compute: { module, entryPoint: "main" },
      });
      return { pipeline, layout };
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const first = messages.find((message) => message.type === "error");
      const where = first ? `line ${first.lineNum}: ${first.message}` : String((cause as Error).message);
      throw new KernelError(kernel, `the device refuses its shader, ${where}`, { cause });
    } finally {
      await scope;
    }
  }
}

/** The whole WGSL: what it enables, the run's parameters at binding 0, its buffers in order, its own code. */
function wgsl({ bindings, enables = [], code, workgroupSize, main }: Shader): string {
  return [
    ...enables.map((feature) => `enable ${feature};`),
    "struct Run { tokens: u32 }",
    "@group(0) @binding(0) var<uniform> run: Run;",
    ...bindings.map(
      ({ name, access, type }, index) => `@group(0) @binding(${index + 1}) var<storage, ${access}> ${name}: ${type};`,
    ),
    code,
    `@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  ${main}
}`,
    "",
  ].join("\n");
}
