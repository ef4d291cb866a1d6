"""One of the three: `WHO` says which, and `PLACES` where all of them live, as `ann=8701 ben=8702 cy=8703`.

Each process serves two teams: `work`, in which its own agent gets a task and may ask the other two for help, and
`news`, in which it reads what is told to it and tells the next.
"""

from __future__ import annotations

import json
import os
import re

from coterie import Agent, Remote
from coterie.models import scripted
from coterie.patterns import Peer, events, on, peers
from coterie.words.effect import Think

WHO = os.environ.get("WHO", "ann")
PLACES = dict(place.split("=") for place in os.environ.get("PLACES", "ann=8701 ben=8702 cy=8703").split())
CAN = {"ann": "writing", "ben": "sums", "cy": "law"}
MADE = "That is what the others made of it."


def says(think: Think) -> str:
    """What each of them says, in the place of a model: sums are Ben's, law is Cy's, and Ann writes it up."""
    text = think.thread[-1].text
    if text.startswith(MADE):
        return f"{WHO} writes: {think.thread[-2].text}"
    if WHO == "ben" and (sum_ := re.search(r"(\d+) \* (\d+)", text)):
        return str(int(sum_[1]) * int(sum_[2]))
    if WHO == "cy" and "law" in text:
        return "it is allowed"
    wanted = "law" if "law" in text else "sums"
    if WHO == "ann":
        return json.dumps({"move": "help", "can": wanted, "task": text})
    return json.dumps({"move": "hand_over", "to": next(name for name, can in CAN.items() if can == wanted)})


def far(name: str, team: str) -> Remote:
    """One of the others, which is known by the address of its card."""
    return Remote(f"http://127.0.0.1:{PLACES[name]}/a2a/{team}", name=name, key="APART_KEY")


own = Agent(WHO, model=scripted(says))
others = [name for name in PLACES if name != WHO]
work = peers(
    Peer(own, can=(CAN[WHO],)),
    *(Peer(far(name, "work"), can=(CAN[name],)) for name in others),
    name="work",
)

names = list(PLACES)
after = names[(names.index(WHO) + 1) % len(names)]
reader = Agent("reader", model=scripted(lambda think: f"{WHO} has read: {think.thread[-1].text}"))
news = events(on("news", reader), on("news", far(after, "news")), start="news", tries=1, name="news")
