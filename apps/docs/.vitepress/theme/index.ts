/**
 * VitePress' own theme, with the pages' live parts.
 */
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { defineAsyncComponent } from "vue";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    // Loaded with the pages that have them.
    app.component(
      "Playground",
      defineAsyncComponent(() => import("../../playground/Playground.vue")),
    );
    app.component(
      "LiveSample",
      defineAsyncComponent(() => import("../../playground/LiveSample.vue")),
    );
  },
} satisfies Theme;
