// npm ai with @ai-sdk/anthropic: messages.
import { createAnthropic } from "@ai-sdk/anthropic";
import { run } from "./trial.mjs";
import { cases } from "./vercel.mjs";

await run(
  cases({
    connect: (test, settings) => createAnthropic({ baseURL: test.url, apiKey: test.key, ...settings }),
    model: (provider, name) => provider(name),
  }),
);
