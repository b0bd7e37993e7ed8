/** Rows of text as aligned columns. Not for JSON. */

/** How a column lines up: numbers to the right, so that their digits stand below each other. */
export type Alignment = "left" | "right";

/** One line per row, columns two spaces apart, nothing after the last word. */
export function formatTable(rows: readonly (readonly string[])[], alignments: readonly Alignment[]): string {
  const widths = alignments.map((_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        alignments[column] === "right" ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      );
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}
