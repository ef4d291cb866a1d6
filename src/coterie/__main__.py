"""`python -m coterie` is `coterie`."""

from coterie.doors.cli import main

main()
