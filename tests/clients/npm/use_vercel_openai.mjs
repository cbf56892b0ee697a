// npm ai with @ai-sdk/openai, whose models ask the Responses API.
import { createOpenAI } from "@ai-sdk/openai";
import { run } from "./trial.mjs";
import { cases } from "./vercel.mjs";

await run(
  cases({
    connect: (test, settings) => createOpenAI({ baseURL: test.url, apiKey: test.key, ...settings }),
    model: (provider, name) => provider(name),
    embedder: (provider, name) => provider.embeddingModel(name),
  }),
);
