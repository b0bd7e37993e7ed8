/** Names of models on a hub. */
import { HubNameError } from "../errors.ts";

/** A model on a hub, at one revision. */
export interface HubName {
  /** Owner and name, such as `"Zyphra/BlackMamba-1.5B"`. */
  readonly model: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const PART = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?";
const NAME = new RegExp(`^(${PART}/${PART})(?:@(.+))?$`);
/** Git's rules, as far as a name becomes part of a path or an address. */
const REVISION = /^(?!.*(?:\.\.|\/\/))[A-Za-z0-9_][\w./-]{0,199}$/;

/** Whether a text looks like `owner/name` or `owner/name@revision`. */
export function isHubName(text: string): boolean {
  const [, model] = NAME.exec(text) ?? [];
  return model !== undefined && !model.includes("..") && !model.includes("--");
}

/**
 * Reads `owner/name` or `owner/name@revision`; the revision is `"main"` by default.
 *
 * @throws HubNameError
 */
export function parseHubName(text: string): HubName {
  const [, model, revision = "main"] = (isHubName(text) && NAME.exec(text)) || [];
  if (!model) {
    throw new HubNameError(
      text,
      'a name such as "Zyphra/BlackMamba-1.5B", or with "@" and a revision behind it, expected',
    );
  }
  if (!REVISION.test(revision)) {
    throw new HubNameError(text, `a branch, a tag or a commit expected after "@", ${JSON.stringify(revision)} found`);
  }
  return { model, revision };
}
