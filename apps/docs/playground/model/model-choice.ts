/**
 * What a visitor may load, and how it is told to `BlackMamba.load`.
 */
import type { ModelSource } from "@blackmamba/model/worker";

/** A model that was chosen. */
export type ModelChoice =
  | { readonly kind: "storyteller" }
  | { readonly kind: "named"; readonly name: string }
  | { readonly kind: "files"; readonly files: readonly File[] };

/** What the model is loaded from. `siteUrl` is where the site's own files are. */
export function sourceOf(choice: ModelChoice, siteUrl: string): ModelSource {
  switch (choice.kind) {
    case "storyteller":
      return new URL("storyteller/", siteUrl).href;
    case "named":
      return choice.name.trim();
    case "files":
      return choice.files;
  }
}

/** What to call it. */
export function nameOf(choice: ModelChoice): string {
  switch (choice.kind) {
    case "storyteller":
      return "Storyteller";
    case "named":
      return choice.name.trim();
    case "files":
      return choice.files.map(({ name }) => name).join(", ");
  }
}
