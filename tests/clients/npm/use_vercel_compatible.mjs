// npm ai with @ai-sdk/openai-compatible: chat completions.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { run } from "./trial.mjs";
import { cases } from "./vercel.mjs";

await run(
  cases({
    connect: (test, settings) =>
      createOpenAICompatible({
        name: "homeport",
        baseURL: test.url,
        apiKey: test.key,
        includeUsage: true,
        supportsStructuredOutputs: true,
        ...settings,
      }),
    model: (provider, name) => provider.chatModel(name),
    embedder: (provider, name) => provider.embeddingModel(name),
  }),
);
