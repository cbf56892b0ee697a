// npm openai: chat completions, embeddings, and what goes wrong.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import * as trial from "./trial.mjs";

const HELLO = [{ role: "user", content: trial.QUESTION }];
const TOOLS = [{ type: "function", function: { name: "get_weather", parameters: trial.PARAMETERS } }];
const Harbour = z.object({ city: z.string(), depth_metres: z.number().int(), kind: z.enum(["sea", "river"]) });

const client = (test, settings = {}) =>
  new OpenAI({ baseURL: test.url, apiKey: test.key, maxRetries: 0, ...settings });

const ask = (test, fields = {}) =>
  client(test).chat.completions.create({ model: test.model, messages: HELLO, max_tokens: test.maxTokens, ...fields });

await trial.run({
  async chat(test) {
    const answer = await ask(test);
    test.checkText(answer.choices[0].message.content);
    assert.ok(["stop", "length"].includes(answer.choices[0].finish_reason));
    assert.ok(answer._request_id.startsWith("req_"));
    trial.checkUsage(answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens);
  },

  async stream(test) {
    const same = { seed: 1, temperature: 0 };
    const whole = await ask(test, same);
    const chunks = await trial.all(await ask(test, { ...same, stream: true, stream_options: { include_usage: true } }));
    const pieces = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ""));
    assert.ok(pieces.filter(Boolean).length > 1);
    assert.equal(pieces.join(""), whole.choices[0].message.content);
    assert.equal(chunks.at(-1).usage.total_tokens, whole.usage.total_tokens);
    assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  },

  async tools(test) {
    const question = { role: "user", content: trial.TOOL_QUESTION };
    const first = await ask(test, { messages: [question], tools: TOOLS, max_tokens: 200 });
    assert.equal(first.choices[0].finish_reason, "tool_calls");
    const { message } = first.choices[0];
    const [call] = message.tool_calls;
    trial.checkArguments(JSON.parse(call.function.arguments));
    const said = { role: "tool", tool_call_id: call.id, content: trial.TOOL_ANSWER };
    const second = await ask(test, { messages: [question, message, said], tools: TOOLS, max_tokens: 200 });
    assert.ok(second.choices[0].message.content.includes(trial.TOOL_ANSWER));
  },

  async forced_tool(test) {
    const tool_choice = { type: "function", function: { name: "get_weather" } };
    const answer = await ask(test, { tools: TOOLS, tool_choice, max_tokens: 200 });
    trial.checkArguments(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments));
  },

  async streamed_tools(test) {
    const messages = [{ role: "user", content: trial.TOOL_QUESTION }];
    const runner = client(test).chat.completions.stream({ model: test.model, messages, tools: TOOLS });
    let done = 0;
    runner.on("tool_calls.function.arguments.done", () => done++);
    const final = await runner.finalChatCompletion();
    assert.equal(done, 1);
    assert.equal(final.choices[0].finish_reason, "tool_calls");
    trial.checkArguments(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments));
  },

  async json_schema(test) {
    const response_format = zodResponseFormat(Harbour, "harbour");
    const answer = await client(test).chat.completions.parse({
      model: test.model, messages: HELLO, response_format, max_tokens: 200, temperature: 0,
    });
    Harbour.parse(answer.choices[0].message.parsed);
  },

  async image(test) {
    const image_url = { url: `data:image/png;base64,${trial.IMAGE}` };
    const content = [{ type: "text", text: trial.QUESTION }, { type: "image_url", image_url }];
    const answer = await ask(test, { messages: [{ role: "user", content }] });
    test.checkText(answer.choices[0].message.content);
    assert.ok(answer.usage.prompt_tokens >= (await ask(test)).usage.prompt_tokens + 50);
  },

  // This client asks for base64 and decodes it by itself.
  async embeddings(test) {
    const answer = await client(test).embeddings.create({ model: test.embedder, input: ["a lease", "a loan"] });
    const [first, second] = answer.data.map((item) => item.embedding);
    assert.ok(first.length > 8 && first.every(Number.isFinite));
    assert.equal(first.length, second.length);
    assert.notDeepEqual(first, second);
    assert.ok(answer.usage.prompt_tokens > 0);
  },

  async errors(test) {
    const stranger = client(test, { apiKey: "hp-0-0" });
    const refused = await trial.raises(OpenAI.AuthenticationError, () => stranger.models.list());
    assert.equal(refused.code, "invalid_api_key");
    const missing = await trial.raises(OpenAI.NotFoundError, () => ask(test, { model: "no-such-model" }));
    assert.equal(missing.code, "model_not_found");
    const wrong = await trial.raises(OpenAI.BadRequestError, () => ask(test, { temperature: 9 }));
    assert.deepEqual([wrong.param, wrong.code], ["temperature", "invalid_value"]);
    assert.ok(wrong.requestID.startsWith("req_"));
    await trial.raises(OpenAI.InternalServerError, () => ask(test, { model: "down" }));
  },

  async limits(test) {
    const small = client(test, { apiKey: test.smallKey, maxRetries: 4 });
    let sent = 0;
    const counted = small.withOptions({ fetch: (...request) => (sent++, fetch(...request)) });
    const asked = { model: test.model, messages: HELLO, max_tokens: 64 };
    const limited = await trial.raises(OpenAI.RateLimitError, () => counted.chat.completions.create(asked));
    assert.equal(limited.code, "rate_limit_exceeded");
    assert.equal(sent, 1);
  },

  async retries(test) {
    const since = await test.failOnce();
    await client(test, { maxRetries: 1 }).chat.completions.create({ model: "once", messages: HELLO, max_tokens: 8 });
    await test.checkWaited(since);
  },

  async timeout(test) {
    const asker = client(test, { timeout: 300 });
    const asked = { model: "silent", messages: HELLO };
    await trial.raises(OpenAI.APIConnectionTimeoutError, () => asker.chat.completions.create(asked));
  },

  async broken_stream(test) {
    const pieces = [];
    const broken = await trial.raises(OpenAI.APIError, async () => {
      for await (const chunk of await ask(test, { model: "cut", stream: true }))
        pieces.push(chunk.choices[0]?.delta.content ?? "");
    });
    assert.equal(broken.code, "upstream_stream_cut");
    assert.ok(pieces.join(""));
  },
});
