"""`python -m grader`."""

from grader.host.cli import main

main()
