/** How the standard cache names a model's folder. */

/** `models--Zyphra--BlackMamba-1.5B`. */
export function folderNameOf(model: string): string {
  return ["models", ...model.split("/")].join("--");
}

/** The model that such a folder is of; nothing if it is of none. */
export function modelOf(folderName: string): string | undefined {
  const [type, ...parts] = folderName.split("--");
  return type === "models" && parts.length > 0 ? parts.join("/") : undefined;
}
