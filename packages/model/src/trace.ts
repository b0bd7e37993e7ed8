/**
 * Looks inside a forward pass: what each layer leaves in the residual stream, which expert each token takes, and to which tokens
 * each Mamba attends.
 */
import { type Device, rows, type Tensor, TensorPool } from "@blackmamba/tensor";
import type { ModelConfig } from "./config/config.ts";
import { describeLayerKind } from "./config/layer-kind.ts";
import { checkIds } from "./forward/check-ids.ts";
import type { Engine } from "./forward/engine.ts";
import type { Sequence } from "./forward/sequence.ts";
import { HiddenAttention } from "./hidden-attention.ts";
import type { ModelTable } from "./weights/weight-table.ts";

/** Options of `model.trace`. */
export interface TraceOptions {
  /**
   * Whether to compute {@link LayerTrace.hiddenAttention}. It costs far more than all the rest: for each Mamba layer work in proportion
   * to tokens² · inner · state, and tokens² floats of memory for as long as the trace is kept, 256 KB for 256 tokens and 16 MB for
   * 2,048. Default true.
   */
  readonly hiddenAttention?: boolean | undefined;
  /** Ends it: before the next layer, or between two parts of a matrix of hidden attention. */
  readonly signal?: AbortSignal | undefined;
}

/** The inside of a forward pass over some tokens. */
export interface Trace {
  /** [tokens × vocab] */
  readonly logits: Float32Array;
  /** In the model's order. */
  readonly layers: readonly LayerTrace[];
}

/** The inside of one layer. */
export interface LayerTrace {
  /** As in `mamba_moe_layers`: "r" for Mamba, a number of experts such as "8", "1" for a plain MLP, or both in parallel as "r8". */
  readonly kind: string;
  /** The kind in words, such as "Mamba" or "MoE, 8 experts". */
  readonly description: string;
  /** `[tokens × hidden]`: the residual stream after the layer. */
  readonly hidden: Float32Array;
  /**
   * `[tokens × tokens]`, only for Mamba: in row t and column s how much the layer's scan takes from token s for token t. 0 for s > t,
   * and negative where it takes away. Rows do not add up to 1.
   *
   * The scan is y[t] = Σ_{s ≤ t} α[t, s] · u[s] in each channel ("The Hidden Attention of Mamba Models", arXiv 2403.01590); this
   * is the mean over channels and states of α[t, s] = C[t] · exp(A · (dt[s + 1] + … + dt[t])) · dt[s] · B[s]. As C adds up
   * over states, times `config.state` it is the mean over channels of the paper's matrices. Convolution, skip and gate are left
   * out.
   */
  readonly hiddenAttention?: Float32Array | undefined;
  /** Only for a mixture of experts. */
  readonly routes?: RouteTrace | undefined;
}

/** What a router decided. */
export interface RouteTrace {
  /** `[tokens × experts]`: before the gate. */
  readonly logits: Float32Array;
  /** `[tokens]`: the chosen expert. */
  readonly experts: Uint32Array;
  /** `[tokens]`: the chosen expert's gate, which its result is multiplied by. */
  readonly gates: Float32Array;
}

/** What a trace is made of. */
interface TracedModel {
  readonly engine: Engine;
  readonly device: Device;
  readonly config: ModelConfig;
  readonly weights: ModelTable<Tensor>;
}

/** Runs the forward pass layer by layer, reading after each. */
export async function traceForward(
  { engine, device, config, weights }: TracedModel,
  sequence: Sequence,
  ids: ArrayLike<number>,
  { hiddenAttention = true, signal }: TraceOptions,
): Promise<Trace> {
  checkIds(ids, config.vocab);
  const tokens = ids.length;
  const pool = new TensorPool(device);
  try {
    const isTraced = hiddenAttention && config.layers.some(({ mamba }) => mamba);
    const attention = isTraced ? new HiddenAttention({ device, pool, config, weights }, tokens) : undefined;
    const logits = new Rows(tokens, config.vocab);
    const layers = config.layers.map((kind) => ({
      kind,
      hidden: new Rows(tokens, config.hidden),
      routes:
        kind.experts > 1
          ? { logits: new Rows(tokens, kind.experts), experts: new Uint32Array(tokens), gates: new Rows(tokens, 1) }
          : undefined,
    }));
    await engine.visit(
      sequence,
      ids,
      {
        async layer(index, count, { residual, routing, dtBC }) {
          signal?.throwIfAborted();
          const start = sequence.position;
          const layer = layers[index];
          if (!layer) return;
          attention?.keep(index, rows(dtBC, 0, count), start);
          layer.hidden.append(await device.read(residual, count));
          if (start + count === tokens) await attention?.compute(index, signal);
          const own = routing[index];
          if (!layer.routes || !own) return;
          layer.routes.experts.set((await device.readU32(own.expert)).subarray(0, count), start);
          const routes = await device.read(own.routes, count);
          const width = routes.length / count;
          for (let t = 0; t < count; t++) {
            layer.routes.logits.append(routes.subarray(t * width, (t + 1) * width - 1));
            layer.routes.gates.append(routes.subarray((t + 1) * width - 1, (t + 1) * width));
          }
        },
        logits: (values) => logits.append(values),
      },
      signal,
    );
    return {
      logits: logits.values,
      layers: layers.map(({ kind, hidden, routes }, index) => ({
        kind: kind.entry,
        description: describeLayerKind(kind),
        hidden: hidden.values,
        hiddenAttention: attention?.matrix(index),
        routes: routes && { logits: routes.logits.values, experts: routes.experts, gates: routes.gates.values },
      })),
    };
  } finally {
    pool.dispose();
  }
}

/** A matrix that fills up from the top, chunk by chunk. */
class Rows {
  readonly values: Float32Array;
  #end = 0;

  constructor(rows: number, width: number) {
    this.values = new Float32Array(rows * width);
  }

  append(rows: Float32Array): void {
    this.values.set(rows, this.#end);
    this.#end += rows.length;
  }
}
