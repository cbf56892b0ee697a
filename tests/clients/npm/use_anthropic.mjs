// npm @anthropic-ai/sdk: messages, tokens counted, and what goes wrong.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import * as trial from "./trial.mjs";

const HELLO = [{ role: "user", content: trial.QUESTION }];
const TOOLS = [{ name: "get_weather", description: "The weather.", input_schema: trial.PARAMETERS }];

const client = (test, settings = {}) =>
  new Anthropic({ baseURL: test.root, apiKey: test.key, maxRetries: 0, ...settings });

const ask = (test, fields = {}) =>
  client(test).messages.create({ model: test.model, messages: HELLO, max_tokens: test.maxTokens, ...fields });

const called = (answer) => answer.content.find((block) => block.type === "tool_use");

await trial.run({
  async chat(test) {
    const answer = await ask(test, { system: "Be brief." });
    assert.equal(answer.content.length, 1);
    test.checkText(answer.content[0].text);
    assert.ok(["end_turn", "max_tokens"].includes(answer.stop_reason));
    assert.ok(answer._request_id.startsWith("req_"));
    trial.checkUsage(answer.usage.input_tokens, answer.usage.output_tokens);
  },

  async stream(test) {
    const whole = await ask(test, { temperature: 0 });
    const asked = { model: test.model, messages: HELLO, max_tokens: test.maxTokens, temperature: 0 };
    const stream = client(test).messages.stream(asked);
    const pieces = [];
    stream.on("text", (piece) => pieces.push(piece));
    const final = await stream.finalMessage();
    assert.ok(pieces.length > 1);
    assert.equal(pieces.join(""), whole.content[0].text);
    assert.equal(final.stop_reason, whole.stop_reason);
    assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
    trial.checkUsage(final.usage.input_tokens, final.usage.output_tokens);
  },

  async tools(test) {
    const question = { role: "user", content: trial.TOOL_QUESTION };
    const first = await ask(test, { messages: [question], tools: TOOLS, max_tokens: 200 });
    assert.equal(first.stop_reason, "tool_use");
    const call = called(first);
    trial.checkArguments(call.input);
    const result = { type: "tool_result", tool_use_id: call.id, content: trial.TOOL_ANSWER };
    const messages = [question, { role: "assistant", content: first.content }, { role: "user", content: [result] }];
    const second = await ask(test, { messages, tools: TOOLS, max_tokens: 200 });
    assert.ok(second.content.at(-1).text.includes(trial.TOOL_ANSWER));
  },

  async forced_tool(test) {
    const tool_choice = { type: "tool", name: "get_weather" };
    trial.checkArguments(called(await ask(test, { tools: TOOLS, tool_choice, max_tokens: 200 })).input);
  },

  async streamed_tools(test) {
    const messages = [{ role: "user", content: trial.TOOL_QUESTION }];
    const stream = client(test).messages.stream({ model: test.model, messages, tools: TOOLS, max_tokens: 200 });
    let pieces = 0;
    stream.on("inputJson", () => pieces++);
    const final = await stream.finalMessage();
    assert.ok(pieces > 0);
    assert.equal(final.stop_reason, "tool_use");
    trial.checkArguments(called(final).input);
  },

  async json_schema(test) {
    const format = { type: "json_schema", schema: trial.PARAMETERS };
    const answer = await ask(test, { output_config: { format }, max_tokens: 200 });
    assert.deepEqual(Object.keys(JSON.parse(answer.content[0].text)).sort(), ["city", "days"]);
  },

  async image(test) {
    const source = { type: "base64", media_type: "image/png", data: trial.IMAGE };
    const content = [{ type: "image", source }, { type: "text", text: trial.QUESTION }];
    const answer = await ask(test, { messages: [{ role: "user", content }] });
    test.checkText(answer.content[0].text);
    assert.ok(answer.usage.input_tokens >= (await ask(test)).usage.input_tokens + 50);
  },

  async count_tokens(test) {
    const counted = await client(test).messages.countTokens({ model: test.model, messages: HELLO });
    assert.ok(counted.input_tokens > 0);
  },

  async errors(test) {
    const stranger = client(test, { apiKey: "hp-0-0" });
    const asked = { model: test.model, messages: HELLO, max_tokens: 8 };
    const refused = await trial.raises(Anthropic.AuthenticationError, () => stranger.messages.create(asked));
    assert.equal(refused.error.error.type, "authentication_error");
    await trial.raises(Anthropic.NotFoundError, () => ask(test, { model: "no-such-model" }));
    const wrong = await trial.raises(Anthropic.BadRequestError, () => ask(test, { temperature: 9 }));
    assert.equal(wrong.error.error.code, "invalid_value");
    assert.ok(wrong.requestID.startsWith("req_"));
    await trial.raises(Anthropic.InternalServerError, () => ask(test, { model: "down" }));
  },

  async limits(test) {
    let sent = 0;
    const counted = (...request) => (sent++, fetch(...request));
    const small = client(test, { apiKey: test.smallKey, maxRetries: 4, fetch: counted });
    const asked = { model: test.model, messages: HELLO, max_tokens: 64 };
    await trial.raises(Anthropic.RateLimitError, () => small.messages.create(asked));
    assert.equal(sent, 1);
  },

  async retries(test) {
    const since = await test.failOnce();
    await client(test, { maxRetries: 1 }).messages.create({ model: "once", messages: HELLO, max_tokens: 8 });
    await test.checkWaited(since);
  },

  async timeout(test) {
    const asker = client(test, { timeout: 300 });
    const asked = { model: "silent", messages: HELLO, max_tokens: 8 };
    await trial.raises(Anthropic.APIConnectionTimeoutError, () => asker.messages.create(asked));
  },

  async broken_stream(test) {
    const pieces = [];
    const asked = { model: "cut", messages: HELLO, max_tokens: 64 };
    const broken = await trial.raises(Anthropic.APIError, async () => {
      const stream = client(test).messages.stream(asked);
      stream.on("text", (piece) => pieces.push(piece));
      await stream.finalMessage();
    });
    assert.equal(broken.error.error.code, "upstream_stream_cut");
    assert.ok(pieces.join(""));
  },
});
