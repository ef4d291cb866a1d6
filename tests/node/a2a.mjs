// Drives @a2a-js/sdk, the official client: node a2a.mjs URL TOKEN BINDING STEP...
// A step is `send:TEXT`, `stream:TEXT`, `drop:TEXT` (stream, go away after the task, come back), `cancel`, `get`, `of:ID`
// (cancel, listen to and push for a task of somebody else's), `push:URL` (be told of the task there), `pushes` (make, show,
// list and delete configs) or `verify:JWK` (check who signed the card).
// `send` and `stream` go on with the task of the step before where that waits for input. Prints a line of JSON a step.
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { Role, TaskState, verifyAgentCardSignature } from "@a2a-js/sdk";

const say = console.log;
console.log = console.info = console.debug = console.error; // what the kit has to say is nobody's answer
const [url, token, binding, ...steps] = process.argv.slice(2);
const fetchImpl = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...init, headers });
};
const transports = [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })];
const factory = new ClientFactory({
  transports,
  preferredTransports: [binding],
  cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
});
const client = await factory.createFromUrl(url);
let task = null;

function request(text) {
  const waits = task?.status?.state === TaskState.TASK_STATE_INPUT_REQUIRED;
  const message = {
    messageId: crypto.randomUUID(),
    contextId: task?.contextId ?? "",
    taskId: waits ? task.id : "",
    role: Role.ROLE_USER,
    parts: [{ content: { $case: "text", value: text }, metadata: undefined, filename: "", mediaType: "" }],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
  return { tenant: "", message, configuration: undefined, metadata: undefined };
}

async function watched(stream, kinds, { leave = false } = {}) {
  for await (const event of stream) {
    const { $case: kind, value } = event.payload;
    kinds.push(kind);
    if (kind === "task") task = value;
    if (kind === "statusUpdate") task = { ...task, status: value.status };
    if (leave) return;
  }
}

function config(url, id = "", taskId = task.id) {
  const authentication = { scheme: "Bearer", credentials: "secret" };
  return { tenant: "", taskId, id, url, token: "t0", authentication };
}

async function pushes() {
  for (const id of ["a", "b"]) await client.createTaskPushNotificationConfig(config("http://127.0.0.1:9/", id));
  const shown = await client.getTaskPushNotificationConfig({ tenant: "", taskId: task.id, id: "a" });
  await client.deleteTaskPushNotificationConfig({ tenant: "", taskId: task.id, id: "a" });
  const wanted = { tenant: "", taskId: task.id, pageSize: 0, pageToken: "" };
  const left = await client.listTaskPushNotificationConfig(wanted);
  return [shown.id, shown.token, ...left.configs.map((one) => one.id)];
}

async function refusals(id) {
  const seen = [];
  for (const ask of [
    () => client.cancelTask({ tenant: "", id, metadata: undefined }),
    () => watched(client.resubscribeTask({ tenant: "", id }), []),
    () => client.createTaskPushNotificationConfig(config("http://127.0.0.1:9/", "", id)),
  ]) {
    await ask().then(() => seen.push("done"), (failure) => seen.push(failure.name));
  }
  return seen;
}

// The card as it came: the kit's own parsed form loses its security schemes when it is parsed again to be checked.
async function verified(jwk) {
  const card = await (await fetchImpl(`${url}.well-known/agent-card.json`)).json();
  await verifyAgentCardSignature(async () => JSON.parse(jwk))(card);
  return [card.name];
}

for (const step of steps) {
  const [verb, text] = step.split(/:(.*)/s);
  let kinds = [];
  let error = null;
  try {
    if (verb === "send") task = await client.sendMessage(request(text));
    if (verb === "stream") await watched(client.sendMessageStream(request(text)), kinds);
    if (verb === "drop") {
      await watched(client.sendMessageStream(request(text)), kinds, { leave: true });
      await watched(client.resubscribeTask({ tenant: "", id: task.id }), kinds);
    }
    if (verb === "push") await client.createTaskPushNotificationConfig(config(text));
    if (verb === "pushes") kinds = await pushes();
    if (verb === "of") kinds = await refusals(text);
    if (verb === "verify") kinds = await verified(text);
    if (verb === "cancel") task = await client.cancelTask({ tenant: "", id: task.id, metadata: undefined });
    if (verb === "get" || verb === "stream" || verb === "drop") task = await client.getTask({ tenant: "", id: (verb === "get" && text) || task.id });
  } catch (failure) {
    error = `${failure.name}: ${failure.message}`;
  }
  const texts = (task?.artifacts ?? []).flatMap((one) => one.parts.map((part) => part.content?.value));
  say(JSON.stringify({ kinds, error, state: task?.status && TaskState[task.status.state], id: task?.id, texts }));
}
process.exit(0);
