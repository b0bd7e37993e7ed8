/**
 * Looks inside a forward pass: what each layer leaves in the residual stream, and which expert each token takes.
 */
import type { Device } from "@blackmamba/tensor";
import type { ModelConfig } from "./config/config.ts";
import type { Engine, Sequence } from "./forward/engine.ts";

/** The inside of a forward pass over some tokens. */
export interface Trace {
  /** [tokens × vocab] */
  readonly logits: Float32Array;
  readonly layers: readonly LayerTrace[];
}

/** The inside of one layer. */
export interface LayerTrace {
  /** `[tokens × hidden]`: the residual stream after the layer. */
  readonly hidden: Float32Array;
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

/** Runs the forward pass layer by layer, reading after each. */
export async function traceForward(
  engine: Engine,
  device: Device,
  config: ModelConfig,
  sequence: Sequence,
  ids: ArrayLike<number>,
  signal: AbortSignal | undefined,
): Promise<Trace> {
  const logits = new Rows(ids.length, config.vocab);
  const layers = config.layers.map(({ experts }) => ({
    hidden: new Rows(ids.length, config.hidden),
    routes:
      experts > 1
        ? {
            logits: new Rows(ids.length, experts),
            experts: new Uint32Array(ids.length),
            gates: new Rows(ids.length, 1),
          }
        : undefined,
  }));
  await engine.visit(
    sequence,
    ids,
    {
      async layer(index, tokens, { residual, routing }) {
        const start = sequence.position;
        const layer = layers[index];
        if (!layer) return;
        layer.hidden.append(await device.read(residual, tokens));
        const own = routing[index];
        if (!layer.routes || !own) return;
        layer.routes.experts.set((await device.readU32(own.expert)).subarray(0, tokens), start);
        const routes = await device.read(own.routes, tokens);
        const width = routes.length / tokens;
        for (let t = 0; t < tokens; t++) {
          layer.routes.logits.append(routes.subarray(t * width, (t + 1) * width - 1));
          layer.routes.gates.append(routes.subarray((t + 1) * width - 1, (t + 1) * width));
        }
      },
      logits: (rows) => logits.append(rows),
    },
    signal,
  );
  return {
    logits: logits.values,
    layers: layers.map(({ hidden, routes }) => ({
      hidden: hidden.values,
      routes: routes && {
        logits: routes.logits.values,
        experts: routes.experts,
        gates: routes.gates.values,
      },
    })),
  };
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
