// Drives @ag-ui/client, which checks order and schema of all it is told: node agui.mjs URL TOKEN STEP...
// A step is `ask:TEXT`, `answer:VALUE` (to every open interrupt) or `abort:TEXT` (ask, then go away).
// Prints a line of JSON a step: the events, the outcome, the messages and the state.
import { HttpAgent } from "@ag-ui/client";

const [url, token, ...steps] = process.argv.slice(2);
const agent = new HttpAgent({ url, headers: { Authorization: `Bearer ${token}` } });
let outcome = null;
for (const step of steps) {
  const [verb, text] = step.split(/:(.*)/s);
  const events = [];
  const input = {};
  if (verb === "answer")
    input.resume = outcome.interrupts.map((one) => ({ interruptId: one.id, status: "resolved", payload: text }));
  else agent.addMessage({ id: String(Math.random()), role: "user", content: text });
  outcome = null;
  let error = null;
  const seen = {
    onEvent: ({ event }) => {
      events.push(event);
      if (verb === "abort" && event.type === "SUBAGENT_STARTED") agent.abortRun();
    },
    onRunFinishedEvent: ({ event }) => {
      outcome = event.outcome ?? { type: "success" };
    },
  };
  try {
    await agent.runAgent(input, seen);
  } catch (failure) {
    error = String(failure);
  }
  const { messages, state } = agent;
  console.log(JSON.stringify({ events, outcome, error, messages, state }));
}
