/**
 * A program: kernel calls in order, recorded once, replayed for every token. Devices prepare and run it.
 */
import type { HostTensor } from "./host-tensor.ts";
import type { HostOperands, Kernel, KernelCall, Operands } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** Options of a program. */
export interface ProgramOptions {
  /**
   * For a program over single tokens: what is wanted of it besides the state that its calls step in place. Whatever else they
   * write is then between them, and a device may run them as one, without it. Default everything.
   */
  readonly outputs?: readonly Tensor[] | undefined;
}

/** Kernel calls in the order they run. Each sees what the ones before it wrote. */
export class Program {
  readonly label: string;
  readonly calls: KernelCall[] = [];
  readonly outputs: readonly Tensor[] | undefined;

  /** @param label - names the program in errors and GPU debuggers */
  constructor(label: string, { outputs }: ProgramOptions = {}) {
    this.label = label;
    this.outputs = outputs;
  }

  /**
   * Records a call.
   *
   * @throws ShapeError when the operands do not fit the kernel
   */
  call<O extends Operands, P>(kernel: Kernel<O, P>, operands: O, params: P): void {
    kernel.check(operands, params);
    this.calls.push({
      name: kernel.name,
      shader: (traits) => kernel.shader(operands, params, traits),
      reference: (view) => {
        const host = viewAll(operands, view);
        return (tokens) => kernel.reference(host, params, tokens);
      },
      cpu: (view) => {
        const host = viewAll(operands, view);
        return (tokens) => (kernel.cpu ?? kernel.reference)(host, params, tokens);
      },
      wasm: (view, engine) => kernel.wasm?.(viewAll(operands, view), params, engine),
      tensors: Object.values<Tensor | undefined>(operands).filter((tensor) => tensor !== undefined),
    });
  }
}

function viewAll<O extends Operands>(operands: O, view: (tensor: Tensor) => HostTensor): HostOperands<O> {
  const host: Record<string, HostTensor | undefined> = {};
  for (const [name, tensor] of Object.entries<Tensor | undefined>(operands)) host[name] = tensor && view(tensor);
  return host as HostOperands<O>;
}
