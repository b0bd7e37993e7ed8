/** What a failure says of itself, in a few words. */

/** The reason that is furthest in: of "fetch failed", the cause says why. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses that all refuse have a code and no message.
  const { message, name, cause, code } = error as Error & { readonly code?: string };
  if (cause instanceof Error) return reasonOf(cause);
  return message || code || name;
}
