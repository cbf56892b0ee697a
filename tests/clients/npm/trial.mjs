// What every program of a client shares; the same as tests/clients/programs/trial.py.
// A plan comes on standard input: the world, and cells [model, case]. Each cell is answered by a line of JSON.
import assert from "node:assert/strict";

export const QUESTION = "Tell me about the harbour of Genoa.";
export const TOOL_QUESTION = "Use the tool get_weather for Genoa.";
export const TOOL_ANSWER = "19 degrees and sunny";
// A red square of 8 by 8 pixels.
export const IMAGE =
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mM4ISCAFTEMLQkA2BI6AdEYQ+wAAAAASUVORK5CYII=";
export const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 1, maximum: 7 } },
  required: ["city", "days"],
  additionalProperties: false,
};
const EMBEDDERS = { "gpt-5.4": "text-embedding-3-small", "gemini-2.5-pro": "gemini-embedding-001" };

/** One case of one client: where to ask, and for which model. */
export class Trial {
  constructor(world, model) {
    Object.assign(this, { url: world.url, key: world.key, smallKey: world.small_key, sim: world.sim, model });
    this.root = world.url.replace(/\/v1$/, "");
    this.real = model === "smollm2";
    this.maxTokens = this.real ? 24 : 64;
    this.embedder = EMBEDDERS[model] ?? model;
  }

  /** There is an answer; a simulated one quotes the question. */
  checkText(text) {
    assert.ok(text, text);
    assert.ok(this.real || text.includes("Genoa"), text);
  }

  /** The next request of the model `once` meets a 429 that asks for a second. Gives where the record ends. */
  async failOnce() {
    const step = { faults: "status=429;retry-after=1", path: "/once/" };
    await this.#control("/sim/faults", { method: "POST", body: JSON.stringify(step) });
    return (await this.#control("/sim/requests")).total;
  }

  /** The client came twice, and left the second between that it was asked for. */
  async checkWaited(since) {
    const { requests } = await this.#control(`/sim/requests?after=${since}`);
    const seen = requests.filter((each) => each.path.includes("/once/"));
    assert.deepEqual(seen.map((each) => each.status), [429, 200]);
    assert.ok(seen[1].began - seen[0].began >= 0.9, `${seen[1].began - seen[0].began} s`);
  }

  async #control(path, options) {
    const answer = await fetch(this.sim + path, options);
    assert.equal(answer.status, 200);
    return answer.json();
  }
}

/** A tool's arguments keep to PARAMETERS. */
export function checkArguments(given) {
  assert.deepEqual(Object.keys(given).sort(), ["city", "days"]);
  assert.equal(typeof given.city, "string");
  assert.ok(given.days >= 1 && given.days <= 7, given.days);
}

/** Tokens in and out, counted; and their sum where the client has one. */
export function checkUsage(given, made, total = given + made) {
  assert.ok(given > 0, `${given}`);
  assert.ok(made > 0, `${made}`);
  assert.equal(total, given + made);
}

/** The error that `doing` ends with, which must be of this kind. */
export async function raises(kind, doing) {
  try {
    await doing();
  } catch (error) {
    assert.ok(kind.isInstance ? kind.isInstance(error) : error instanceof kind, `${error?.stack ?? error}`);
    return error;
  }
  assert.fail(`nothing was thrown; ${kind.name} was expected`);
}

/** What an asynchronous iterable gives, as a list. */
export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Carry out the plan. */
export async function run(cases) {
  const plan = JSON.parse(Buffer.concat(await all(process.stdin)).toString());
  for (const [model, name] of plan.cells) {
    let error = null;
    try {
      await cases[name](new Trial(plan.world, model));
    } catch (thrown) {
      error = `${thrown?.stack ?? thrown}`;
    }
    console.log(JSON.stringify({ model, case: name, error }));
  }
}
