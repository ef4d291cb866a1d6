// Drives @a2a-js/sdk, the official client: node a2a.mjs URL TOKEN BINDING STEP...
// A step is `send:TEXT`, `stream:TEXT`, `drop:TEXT` (stream, go away after the task, come back), `cancel` or `get`.
// `send` and `stream` go on with the task of the step before where that waits for input. Prints a line of JSON a step.
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { Role, TaskState } from "@a2a-js/sdk";

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

for (const step of steps) {
  const [verb, text] = step.split(/:(.*)/s);
  const kinds = [];
  let error = null;
  try {
    if (verb === "send") task = await client.sendMessage(request(text));
    if (verb === "stream") await watched(client.sendMessageStream(request(text)), kinds);
    if (verb === "drop") {
      await watched(client.sendMessageStream(request(text)), kinds, { leave: true });
      await watched(client.resubscribeTask({ tenant: "", id: task.id }), kinds);
    }
    if (verb === "cancel") task = await client.cancelTask({ tenant: "", id: task.id, metadata: undefined });
    if (verb === "get" || kinds.length) task = await client.getTask({ tenant: "", id: (verb === "get" && text) || task.id });
  } catch (failure) {
    error = `${failure.name}: ${failure.message}`;
  }
  const texts = (task?.artifacts ?? []).flatMap((one) => one.parts.map((part) => part.content?.value));
  console.log(JSON.stringify({ kinds, error, state: task?.status && TaskState[task.status.state], id: task?.id, texts }));
}
process.exit(0);
