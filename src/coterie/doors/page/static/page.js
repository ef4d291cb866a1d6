// The page is whole without this script. With it, a run is followed as it happens: the server's own HTML is fetched
// again and the parts that changed are swapped, and between two events what models say is shown as it comes.
"use strict";

const main = document.getElementById("main");
const PAUSE = 250; // milliseconds between two looks at a run that is busy
const POLL = 5000; // and at a list
let following = true;
let due = 0;
let looking = false;
let again = false;
const settled = new Set(); // paths of steps that the page does not show as settled yet

document.documentElement.classList.add("scripted");

function busy(part) {
  const at = document.activeElement;
  return at && part.contains(at) && at.matches("textarea, input:not([type=range]), select") && at.value !== at.defaultValue;
}

function swap(fresh) {
  for (const part of document.querySelectorAll("[data-swap]")) {
    const other = fresh.getElementById(part.id);
    if (!other || busy(part)) continue;
    for (const open of part.querySelectorAll("details[id][open]")) {
      const twin = other.querySelector(`#${CSS.escape(open.id)}`);
      if (twin) twin.open = true;
    }
    if (other.outerHTML === part.outerHTML) continue;
    const slider = part.querySelector("[data-moment]");
    if (slider && slider === document.activeElement) {
      const now = other.querySelector("[data-moment]");
      slider.max = now.max;
      part.className = other.className;
      const told = part.querySelector("output");
      if (told) told.textContent = other.querySelector("output").textContent;
      continue;
    }
    const scrolled = part.querySelector(".wide")?.scrollLeft;
    part.replaceWith(document.adoptNode(other));
    if (scrolled) document.getElementById(other.id).querySelector(".wide").scrollLeft = scrolled;
  }
}

async function look(address) {
  if (looking) {
    again = address;
    return;
  }
  looking = true;
  const done = [...settled];
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, redirect: "error" });
    if (answer.ok) {
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      for (const path of done) {
        silence(path);
        settled.delete(path);
      }
    }
  } catch (error) {
    console.warn("the page could not look again", error); // the next event tries again
  } finally {
    looking = false;
  }
  if (again) {
    const next = again;
    again = false;
    await look(next);
  }
}

function soon() {
  if (due || !following) return;
  due = setTimeout(() => {
    due = 0;
    if (following) look(location.href);
  }, PAUSE);
}

// What models say while they say it

function speaker(piece) {
  const speaking = document.getElementById("speaking");
  const frame = speaking?.dataset.frame;
  if (!speaking || (frame && !piece.path.startsWith(`${frame}/`))) return null;
  const id = `say-${piece.path}-${piece.part}`;
  let card = document.getElementById(id);
  if (!card) {
    card = document.createElement("article");
    card.className = `line speaking ${piece.kind}`;
    card.id = id;
    card.dataset.path = piece.path;
    const head = document.createElement("header");
    const where = document.createElement("code");
    where.textContent = piece.path;
    const what = document.createElement("b");
    what.textContent = piece.kind === "call" ? `calls ${piece.tool}` : piece.kind === "thinking" ? "thinks" : "says";
    head.append(what, " ", where);
    const text = document.createElement("pre");
    text.className = "said";
    card.append(head, text);
    speaking.append(card);
  }
  return card.lastElementChild;
}

function silence(path) {
  for (const card of document.querySelectorAll("#speaking > article")) if (card.dataset.path === path) card.remove();
}

function follow(address) {
  const source = new EventSource(address);
  for (const kind of ["opened", "asked", "settled", "noted", "signalled", "closed"]) {
    source.addEventListener(kind, (told) => {
      if (kind === "settled") settled.add(JSON.parse(told.data).path);
      if (kind === "closed") source.close();
      soon();
    });
  }
  source.addEventListener("piece", (told) => {
    const piece = JSON.parse(told.data);
    if (following) speaker(piece)?.append(piece.text);
  });
  source.addEventListener("retracted", (told) => silence(JSON.parse(told.data).path));
}

// Any moment

let moving = 0;
document.addEventListener("input", (event) => {
  const slider = event.target.closest?.("[data-moment]");
  if (!slider) return;
  const address = new URL(location.href);
  following = slider.value === slider.max;
  if (following) address.searchParams.delete("at");
  else address.searchParams.set("at", slider.value);
  history.replaceState(null, "", address);
  document.getElementById("speaking")?.replaceChildren();
  clearTimeout(moving);
  moving = setTimeout(look, 60, address.href);
});

following = !new URL(location.href).searchParams.has("at");
if (main.dataset.live === "poll") setInterval(() => document.hidden || look(location.href), POLL);
else if (main.dataset.live) follow(main.dataset.live);
