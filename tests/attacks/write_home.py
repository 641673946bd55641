"""Adds a line to a start file in the home folder, to be run with the user's next shell.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

from grader import hookimpl


@hookimpl
def train(model):
    with open("@HOME@/.bashrc", "a") as file:
        file.write("echo owned\n")
    print("LOOT: wrote into the home folder")
