"""Team files: teams as YAML, read with the line of every mistake, and what can be said of a team before it runs."""

from coterie.teamfile.load import TeamFile as TeamFile
from coterie.teamfile.load import load as load
from coterie.teamfile.load import opened as opened
from coterie.teamfile.problems import BadFile as BadFile
from coterie.teamfile.schema import schema as schema
