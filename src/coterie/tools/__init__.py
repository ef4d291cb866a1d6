"""Tools: what agents can do in the world, as sets that can be narrowed, renamed and put under approval."""

from coterie.tools.access import Credentials as Credentials
from coterie.tools.access import SignIn as SignIn
from coterie.tools.access import Vouched as Vouched
from coterie.tools.actors import ActorTool as ActorTool
from coterie.tools.actors import as_tool as as_tool
from coterie.tools.arithmetic import calculator as calculator
from coterie.tools.files import files as files
from coterie.tools.mcp import McpTool as McpTool
from coterie.tools.mcp import mcp as mcp
from coterie.tools.programs import python as python
from coterie.tools.programs import shell as shell
from coterie.tools.query import sql as sql
from coterie.tools.registry import Registry as Registry
from coterie.tools.resources import Pool as Pool
from coterie.tools.sandbox import Outcome as Outcome
from coterie.tools.sandbox import Sandbox as Sandbox
from coterie.tools.sets import approved as approved
from coterie.tools.sets import combined as combined
from coterie.tools.sets import filtered as filtered
from coterie.tools.sets import prefixed as prefixed
from coterie.tools.sets import renamed as renamed
from coterie.tools.sets import restricted as restricted
from coterie.tools.web import http as http
from coterie.tools.wording import search_text as search_text
