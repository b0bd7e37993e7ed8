/** The same figures by plain loops over `model.logits`, for tests to compare with. */
import type { BlackMamba } from "@blackmamba/model";

/** ln p of each id but the first after all before it, and whether it is the likeliest: [tokens − 1]. */
export async function plainScores(model: BlackMamba, ids: readonly number[]) {
  const { vocab } = model.config;
  const logits = await model.logits(ids);
  return ids.slice(1).map((id, t) => {
    const row = [...logits.subarray(t * vocab, (t + 1) * vocab)];
    const sum = row.reduce((all, logit) => all + Math.exp(logit), 0);
    return { logprob: Number(row[id]) - Math.log(sum), greedy: row.indexOf(Math.max(...row)) === id };
  });
}

/** As the harness makes its windows: what is read, and what is predicted. */
export function plainWindows(ids: readonly number[], context: number, stride: number) {
  const windows: { input: readonly number[]; predicted: readonly number[] }[] = [];
  for (let next = 1; next < ids.length; ) {
    const end = Math.min(next + (next === 1 ? context : stride), ids.length);
    windows.push({ input: ids.slice(Math.max(0, end - 1 - context), end - 1), predicted: ids.slice(next, end) });
    next = end;
  }
  return windows;
}
