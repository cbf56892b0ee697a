// npm ai (Vercel): what its three providers share. Each of the files use_vercel_*.mjs is one of them.
import assert from "node:assert/strict";
import { APICallError, Output, embedMany, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as trial from "./trial.mjs";

const Harbour = z.object({ city: z.string(), depth_metres: z.number().int(), kind: z.enum(["sea", "river"]) });

/** The cases, for a provider: `connect(test, settings)` gives one, `model(provider, name)` its chat model. */
export function cases({ connect, model, embedder }) {
  const ask = (test, fields = {}, settings = {}) => ({
    model: model(connect(test, settings), fields.name ?? test.model),
    maxOutputTokens: test.maxTokens,
    maxRetries: 0,
    ...(fields.messages ? {} : { prompt: trial.QUESTION }),
    ...fields,
  });

  const weather = (calls) =>
    tool({
      description: "The weather.",
      inputSchema: jsonSchema(trial.PARAMETERS),
      execute: async (given) => (calls.push(given), trial.TOOL_ANSWER),
    });

  /** A stream that breaks tells it in its parts; nothing is written to the console. */
  const quiet = { onError: () => {} };

  const all = {
    async chat(test) {
      const answer = await generateText(ask(test));
      test.checkText(answer.text);
      assert.ok(["stop", "length"].includes(answer.finishReason), answer.finishReason);
      trial.checkUsage(answer.usage.inputTokens, answer.usage.outputTokens, answer.usage.totalTokens);
    },

    async stream(test) {
      const whole = await generateText(ask(test, { temperature: 0 }));
      const stream = streamText(ask(test, { temperature: 0 }));
      const pieces = await trial.all(stream.textStream);
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(""), whole.text);
      const usage = await stream.usage;
      trial.checkUsage(usage.inputTokens, usage.outputTokens, usage.totalTokens);
      assert.equal(usage.outputTokens, whole.usage.outputTokens);
      assert.equal(await stream.finishReason, whole.finishReason);
    },

    async tools(test) {
      const calls = [];
      const fields = { prompt: trial.TOOL_QUESTION, maxOutputTokens: 200, stopWhen: stepCountIs(2) };
      const answer = await generateText(ask(test, { ...fields, tools: { get_weather: weather(calls) } }));
      assert.equal(calls.length, 1);
      trial.checkArguments(calls[0]);
      assert.equal(answer.steps.length, 2);
      assert.ok(answer.text.includes(trial.TOOL_ANSWER), answer.text);
    },

    async forced_tool(test) {
      const toolChoice = { type: "tool", toolName: "get_weather" };
      const answer = await generateText(ask(test, { tools: { get_weather: weather([]) }, toolChoice, maxOutputTokens: 200 }));
      trial.checkArguments(answer.toolCalls[0].input);
    },

    async streamed_tools(test) {
      const calls = [];
      const fields = { prompt: trial.TOOL_QUESTION, maxOutputTokens: 200, stopWhen: stepCountIs(2) };
      const stream = streamText(ask(test, { ...fields, tools: { get_weather: weather(calls) } }));
      const parts = await trial.all(stream.fullStream);
      assert.ok(parts.some((part) => part.type === "tool-input-delta"));
      assert.deepEqual(parts.filter((part) => part.type === "error"), []);
      trial.checkArguments(calls[0]);
      assert.ok((await stream.text).includes(trial.TOOL_ANSWER));
    },

    async json_schema(test) {
      const answer = await generateText(ask(test, { output: Output.object({ schema: Harbour }), maxOutputTokens: 200 }));
      Harbour.parse(answer.output);
    },

    async image(test) {
      const content = [
        { type: "text", text: trial.QUESTION },
        { type: "file", data: trial.IMAGE, mediaType: "image/png" },
      ];
      const answer = await generateText(ask(test, { messages: [{ role: "user", content }] }));
      test.checkText(answer.text);
      assert.ok(answer.usage.inputTokens >= (await generateText(ask(test))).usage.inputTokens + 50);
    },

    async errors(test) {
      const refused = await trial.raises(APICallError, () => generateText(ask(test, {}, { apiKey: "hp-0-0" })));
      assert.deepEqual([refused.statusCode, refused.isRetryable], [401, false]);
      const missing = await trial.raises(APICallError, () => generateText(ask(test, { name: "no-such-model" })));
      assert.equal(missing.statusCode, 404);
      assert.ok(missing.message.includes("no-such-model"), missing.message);
      const down = await trial.raises(APICallError, () => generateText(ask(test, { name: "down" })));
      assert.deepEqual([down.statusCode, down.isRetryable], [503, true]);
    },

    async retries(test) {
      const since = await test.failOnce();
      await generateText(ask(test, { name: "once", maxRetries: 1 }));
      await test.checkWaited(since);
    },

    async timeout(test) {
      const abortSignal = AbortSignal.timeout(300);
      await assert.rejects(generateText(ask(test, { name: "silent", abortSignal })), { name: "TimeoutError" });
    },

    async broken_stream(test) {
      const parts = await trial.all(streamText(ask(test, { name: "cut", ...quiet })).fullStream);
      assert.ok(parts.some((part) => part.type === "text-delta"));
      const broken = parts.find((part) => part.type === "error");
      assert.ok(broken, parts.map((part) => part.type).join());
    },
  };

  if (embedder)
    all.embeddings = async (test) => {
      const answer = await embedMany({ model: embedder(connect(test), test.embedder), values: ["a lease", "a loan"] });
      const [first, second] = answer.embeddings;
      assert.ok(first.length > 8 && first.length === second.length);
      assert.notDeepEqual(first, second);
      assert.ok(answer.usage.tokens > 0);
    };
  return all;
}
