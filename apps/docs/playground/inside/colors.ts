/**
 * Colours of the pictures, which have to be told apart on light and on dark ground.
 */

/** Of things without an order: the ten of Observable, https://observablehq.com/@d3/color-schemes. */
export const CATEGORY_COLORS = [
  ..."#4269d0 #efb118 #ff725c #6cc5b0 #3ca951 #ff8ab7 #a463f2 #97bbf5 #9c6b4e #9498a0".split(" "),
];

/** The colour of the n-th thing; beyond ten they come again. */
export function categoryColor(index: number): string {
  return CATEGORY_COLORS[index % CATEGORY_COLORS.length] as string;
}

/** From −1 (orange) over 0 (nothing) to 1 (blue), as red, green, blue and opacity from 0 to 255. */
export function divergingColor(value: number): readonly [number, number, number, number] {
  const opacity = Math.round(255 * Math.min(1, Math.abs(value)));
  return value < 0 ? [224, 108, 32, opacity] : [48, 98, 214, opacity];
}
