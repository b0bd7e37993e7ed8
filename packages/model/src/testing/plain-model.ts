/**
 * The whole model once more, as slowly and plainly as possible, in double precision, straight from the specification. It
 * shares no code with the model: what both agree on is right.
 */

/** `config.json`'s keys. */
export interface PlainConfig {
  readonly num_layers: number;
  readonly hidden_size: number;
  readonly state_size: number;
  readonly conv_dimension: number;
  readonly vocab_size: number;
  readonly expansion_factor: number;
  readonly mamba_moe_layers: readonly string[];
  readonly ffn_hidden_size: number;
  readonly bias: boolean;
  readonly add_bias_linear: boolean;
  readonly swiglu: boolean;
  readonly routing_mode?: string;
}

type Vector = number[];
type Weights = ReadonlyMap<string, Float32Array>;

/** A Mamba layer's scan: for each token its operands, and its result without skip and gate. */
export interface PlainScan {
  readonly u: readonly Vector[];
  readonly dt: readonly Vector[];
  /** [inner × state] */
  readonly A: Vector;
  readonly B: readonly Vector[];
  readonly C: readonly Vector[];
  readonly y: readonly Vector[];
}

/**
 * Logits of every position, row after row.
 *
 * @param onScan - is shown each Mamba layer's scan
 */
export function plainLogits(
  config: PlainConfig,
  weights: Weights,
  ids: readonly number[],
  onScan: (layer: number, scan: PlainScan) => void = () => {},
): number[] {
  const { hidden_size: H, vocab_size: V } = config;
  const get = (name: string): Float32Array => {
    const values = weights.get(name);
    if (!values) throw new Error(`no weight ${name}`);
    return values;
  };
  const embedding = get("embedding.word_embeddings.weight");
  let stream = ids.map((id) => [...embedding.subarray(id * H, (id + 1) * H)]);

  config.mamba_moe_layers.forEach((entry, i) => {
    const at = `decoder.layers.${i}`;
    const normed = (norm: string) => stream.map((x) => rmsNorm(x, get(`${at}.${norm}.weight`)));
    const experts = Number(entry.replace("r", "") || 0);
    const mixed: Vector[][] = [];
    if (entry.startsWith("r"))
      mixed.push(mamba(config, weights, `${at}.mixer`, normed("norm"), (scan) => onScan(i, scan)));
    if (experts > 0) {
      const [norm, mixer] = entry.startsWith("r") ? ["norm_moe", "moe"] : ["norm", "mixer"];
      mixed.push(normed(norm).map((x) => feedForward(config, weights, `${at}.${mixer}`, experts, x)));
    }
    stream = stream.map((x, t) => x.map((value, h) => mixed.reduce((sum, y) => sum + Number(y[t]?.[h]), value)));
  });

  return stream.flatMap((x) => {
    const y = layerNorm(x, get("decoder.final_layernorm.weight"), get("decoder.final_layernorm.bias"));
    return product(embedding, y, V, config.add_bias_linear ? get("output_layer.bias") : undefined);
  });
}

function mamba(
  config: PlainConfig,
  weights: Weights,
  at: string,
  xs: Vector[],
  onScan: (scan: PlainScan) => void,
): Vector[] {
  const { hidden_size: H, state_size: N, conv_dimension: K } = config;
  const D = config.expansion_factor * H;
  const R = Math.ceil(H / 16);
  const get = (name: string) => weights.get(`${at}.${name}`) as Float32Array;
  const [conv, aLog, skip] = [get("conv1d.weight"), get("A_log"), get("D")];

  const xz = xs.map((x) => product(get("in_proj.weight"), x, 2 * D, get("in_proj.bias")));
  const state = new Array<number>(D * N).fill(0);
  const A = Array.from(aLog, (value) => -Math.exp(value));
  const scan = { u: [] as Vector[], dt: [] as Vector[], A, B: [] as Vector[], C: [] as Vector[], y: [] as Vector[] };
  const results = xs.map((_, t) => {
    const u = Array.from({ length: D }, (_, d) => {
      let sum = Number(get("conv1d.bias")[d]);
      for (let j = 0; j < K; j++) {
        const s = t - K + 1 + j;
        if (s >= 0) sum += Number(conv[d * K + j]) * Number(xz[s]?.[d]);
      }
      return silu(sum);
    });
    const projected = product(get("x_proj.weight"), u, R + 2 * N);
    const B = projected.slice(R, R + N);
    const C = projected.slice(R + N);
    const dt = product(get("dt_proj.weight"), projected.slice(0, R), D, get("dt_proj.bias")).map((v) =>
      v > 20 ? v : Math.log1p(Math.exp(v)),
    );
    const y = u.map((input, d) => {
      let sum = 0;
      for (let n = 0; n < N; n++) {
        const at = d * N + n;
        const decay = Math.exp(Number(A[at]) * Number(dt[d]));
        state[at] = decay * Number(state[at]) + Number(dt[d]) * input * Number(B[n]);
        sum += Number(state[at]) * Number(C[n]);
      }
      return sum;
    });
    for (const [name, values] of Object.entries({ u, dt, B, C, y })) scan[name as "u"].push(values);
    const gated = y.map((sum, d) => (sum + Number(skip[d]) * Number(u[d])) * silu(Number(xz[t]?.[D + d])));
    return product(get("out_proj.weight"), gated, H, get("out_proj.bias"));
  });
  onScan(scan);
  return results;
}

function feedForward(config: PlainConfig, weights: Weights, at: string, experts: number, x: Vector): Vector {
  const { hidden_size: H, ffn_hidden_size: F, swiglu } = config;
  const get = (name: string) => weights.get(`${at}.${name}`) as Float32Array;
  let gate = 1;
  let prefix = "";
  if (experts > 1) {
    const logits = product(get("router.weight"), x, experts, get("router.bias"));
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
    const gates = logits.map((v) => (config.routing_mode === "top1" ? Math.exp(v) / sum : 1 / (1 + Math.exp(-v))));
    gate = Math.max(...gates);
    prefix = `local_experts.${gates.indexOf(gate)}.`;
  }
  const up = product(get(`${prefix}linear_fc1.weight`), x, swiglu ? 2 * F : F, get(`${prefix}linear_fc1.bias`));
  const h = Array.from({ length: F }, (_, f) => gelu(Number(up[f])) * (swiglu ? Number(up[F + f]) : 1));
  return product(get(`${prefix}linear_fc2.weight`), h, H, get(`${prefix}linear_fc2.bias`)).map((v) => v * gate);
}

/** W x + b */
function product(w: Float32Array, x: Vector, rows: number, bias?: Float32Array): Vector {
  return Array.from({ length: rows }, (_, r) =>
    x.reduce((sum, value, k) => sum + Number(w[r * x.length + k]) * value, bias ? Number(bias[r]) : 0),
  );
}

function rmsNorm(x: Vector, weight: Float32Array): Vector {
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + 1e-5);
  return x.map((v, i) => (v / deviation) * Number(weight[i]));
}

function layerNorm(x: Vector, weight: Float32Array, bias: Float32Array): Vector {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length + 1e-5);
  return x.map((v, i) => ((v - mean) / deviation) * Number(weight[i]) + Number(bias[i]));
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** x Φ(x), the integral of the normal density by Simpson's rule. */
function gelu(x: number): number {
  const end = Math.min(Math.abs(x), 9);
  const steps = 200;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    const z = (i * end) / steps;
    sum += weight * Math.exp(-0.5 * z * z);
  }
  const half = (sum * end) / steps / 3 / Math.sqrt(2 * Math.PI);
  return x * (x < 0 ? 0.5 - half : 0.5 + half);
}
