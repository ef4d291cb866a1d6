"""Every view of the page: its address, the role that it needs, and what answers."""

from __future__ import annotations

from coterie.doors.page import schedules
from coterie.doors.page.approvals import decide, inbox
from coterie.doors.page.deeds import cancel, fork, pause, resume
from coterie.doors.page.diff import compare
from coterie.doors.page.door import View
from coterie.doors.page.memory import forget, show_memory
from coterie.doors.page.run import show_run
from coterie.doors.page.runs import list_runs
from coterie.doors.page.settings import make, revoke, rotate, show_settings
from coterie.doors.page.standing import say, show_agent
from coterie.doors.page.teams import draw_team, list_agents, list_teams, show_team, start
from coterie.doors.page.usage import show_usage
from coterie.words.principal import Role

VIEWS: tuple[tuple[str, str, Role, View], ...] = (
    ("GET", "/", "viewer", list_runs),
    ("GET", "/runs/{id}", "viewer", show_run),
    ("POST", "/runs/{id}/cancel", "operator", cancel),
    ("POST", "/runs/{id}/pause", "operator", pause),
    ("POST", "/runs/{id}/resume", "operator", resume),
    ("POST", "/runs/{id}/fork", "operator", fork),
    ("GET", "/teams", "viewer", list_teams),
    ("GET", "/teams/{id}", "viewer", show_team),
    ("GET", "/teams/{id}/graph.svg", "viewer", draw_team),
    ("POST", "/teams/{id}/start", "operator", start),
    ("GET", "/agents", "viewer", list_agents),
    ("GET", "/agents/{id}", "viewer", show_agent),
    ("POST", "/agents/{id}/say", "operator", say),
    ("GET", "/schedules", "viewer", schedules.list_schedules),
    ("POST", "/schedules/{id}/pause", "operator", schedules.pause),
    ("POST", "/schedules/{id}/resume", "operator", schedules.resume),
    ("POST", "/schedules/{id}/run", "operator", schedules.run),
    ("GET", "/memory", "viewer", show_memory),
    ("POST", "/memory/forget", "operator", forget),
    ("GET", "/diff", "viewer", compare),
    ("GET", "/usage", "viewer", show_usage),
    ("GET", "/settings", "viewer", show_settings),
    ("POST", "/keys", "admin", make),
    ("POST", "/keys/{id}/rotate", "admin", rotate),
    ("POST", "/keys/{id}/revoke", "admin", revoke),
    ("GET", "/approvals", "viewer", inbox),
    ("POST", "/approvals/{id}", "operator", decide),
)
"""Method, path, role, view."""
