/**
 * What runs in a model's worker. It holds one model, which the page loads, and is ended with it.
 *
 * An app whose bundler does not find it makes a worker of its own with nothing in it but `import "@blackmamba/model/worker/entry"`.
 *
 * @packageDocumentation
 */
import { modelMethods } from "./model-methods.ts";
import { serve } from "./serve.ts";

serve(self, modelMethods());
