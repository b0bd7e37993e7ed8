/**
 * What a kernel is: one operation, written once as a shader and once as plain loops. Nothing here runs anything.
 */
import type { WasmEngine } from "./cpu/wasm-engine.ts";
import type { HostTensor } from "./host-tensor.ts";
import type { Tensor } from "./tensor.ts";

/** Named tensors a kernel reads or writes; an optional operand may be `undefined`. */
export type Operands = Readonly<Record<string, Tensor | undefined>>;

/** The same operands as a CPU sees them. */
export type HostOperands<O> = { readonly [K in keyof O]: O[K] extends Tensor ? HostTensor : HostTensor | undefined };

/** What a shader may depend on besides shapes: facts of the adapter it is compiled for. */
export interface AdapterTraits {
  /** A CPU in a GPU's clothes (SwiftShader, lavapipe): threads run one after another, so few long ones are best. */
  readonly software: boolean;
  /** Lanes of every subgroup; 0 where a shader must do without: the adapter has none, or their size varies. */
  readonly subgroupSize: number;
  /** WGSL's `packed_4x8_integer_dot_product`: products of four pairs of bytes at a time. */
  readonly packedDot: boolean;
  /** Most threads of a workgroup; in a chain, how many each has. */
  readonly maxWorkgroupSize: number;
  /** Most bytes of `var<workgroup>`. */
  readonly maxWorkgroupByteLength: number;
  /**
   * The call is to run in one dispatch with others, over one token: a chain. A kernel that can takes workgroups of
   * `maxWorkgroupSize` threads and binds as `exchanged` what calls hand each other. One that cannot need not look here: its
   * calls get a dispatch of their own.
   */
  readonly chained: boolean;
}

/** One buffer of a shader. */
export interface Binding {
  /** The variable's name in the shader. */
  readonly name: string;
  readonly tensor: Tensor;
  /** Which part of the tensor. Default `"values"`. */
  readonly part?: "values" | "scales";
  readonly access: "read" | "read_write";
  /** The variable's type in the shader, for example `array<vec4<f32>>`; of what is exchanged its element's, `f32` or `u32`. */
  readonly type: string;
  /**
   * In a chain: other calls of it write what this one reads, or read what it writes. There is no variable then, but functions,
   * with indices that count from the view's first element. To read:
   *
   * - `NAME_bits(i: u32) -> u32`, the element's bits, or what `is_absent(bits)` is true of, as long as it has not been written;
   * - `NAME_at(i: u32) -> TYPE`, which waits for it;
   * - `gives_up(tries: u32) -> bool`, for loops that wait themselves: whether to go on without. What is absent is no number.
   *
   * To write, which each element has to be, once: `NAME_put(i: u32, value: TYPE)`. A call never sees what it writes itself, so that
   * an operand that is read and written takes two bindings.
   *
   * `"all"` promises that each workgroup reads every element, so that it waits for all that make them; `"own"` that a workgroup which
   * writes the same tensor reads no elements of it but those that it writes.
   */
  readonly exchanged?: "all" | "own" | undefined;
}

/** A kernel for certain shapes. The device declares the bindings, and `run.tokens: u32`, the number of tokens of this run. */
export interface Shader {
  readonly bindings: readonly Binding[];
  /** Features of WGSL that the code needs; the traits say which there are. Default none. */
  readonly enables?: readonly "subgroups"[] | undefined;
  /** Declarations: functions, structures, workgroup variables. */
  readonly code: string;
  /** Threads of a workgroup. */
  readonly workgroupSize: number;
  /**
   * The statements of the entry point. They know their place by `workgroup_id: vec3<u32>`, `num_workgroups: vec3<u32>` and
   * `thread: u32`, the index within the workgroup.
   */
  readonly main: string;
  /** How many workgroups a run over `tokens` tokens needs. */
  workgroups(tokens: number): readonly [number, number, number];
}

/** One operation on tensors. `O` names its operands, `P` what else it needs to know. */
export interface Kernel<O extends Operands, P> {
  /** As its folder is named. */
  readonly name: string;
  /** Throws a ShapeError naming the operand, what was expected and what was found. Called once, when recorded. */
  check(operands: O, params: P): void;
  /** The WGSL for these shapes: a pure function of shapes, params and traits. */
  shader(operands: O, params: P, traits: AdapterTraits): Shader;
  /** The same in plain loops, over the first `tokens` tokens: the truth that tests compare with. */
  reference(operands: HostOperands<O>, params: P, tokens: number): void;
  /** A faster twin of the reference for the CPU device, where plain loops are too slow. */
  cpu?(operands: HostOperands<O>, params: P, tokens: number): void;
  /**
   * The CPU device's fastest twin, in WebAssembly: binds the operands, all of which lie in the engine's memory.
   *
   * @returns runs the call for so many tokens; undefined where these sizes or types are better left to the others
   */
  wasm?(operands: HostOperands<O>, params: P, engine: WasmEngine): ((tokens: number) => void) | undefined;
}

/** One recorded use of a kernel. */
export interface KernelCall {
  /** The kernel's. */
  readonly name: string;
  /** The WGSL for an adapter. */
  shader(traits: AdapterTraits): Shader;
  /** The plain loops, over operands as `view` gives them: runs the call for so many tokens. */
  reference(view: (tensor: Tensor) => HostTensor): (tokens: number) => void;
  /** The plain twin, or the plain loops where there is none. */
  cpu(view: (tensor: Tensor) => HostTensor): (tokens: number) => void;
  /** The twin in WebAssembly, where there is one, for operands that all lie in the engine's memory. */
  wasm(view: (tensor: Tensor) => HostTensor, engine: WasmEngine): ((tokens: number) => void) | undefined;
  /** All tensors of the call. */
  readonly tensors: readonly Tensor[];
}

/** Defines a kernel; the operands' and parameters' types follow from the definition. */
export function defineKernel<O extends Operands, P = Record<never, never>>(kernel: Kernel<O, P>): Kernel<O, P> {
  return kernel;
}
