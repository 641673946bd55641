"""Gradescope's autograder zip: made here, and what runs in it there.

By the platform's specification, the zip is unpacked to /autograder/source and `setup.sh` is run once, as
root, to build an image; `run_autograder` is run as root in a fresh container for each submission, which
lies in /autograder/submission, and leaves /autograder/results/results.json.

    setup.sh, run_autograder    as the platform asks for
    grader-VERSION-….whl        this very package
    constraints.txt             the versions that were installed where the zip was made
    requirements.txt            of plugins, and of the rubric where one lies beside it
    pip.conf                    where --pip-config named one
    bundle.json                 settings, see `settings.Carried`
    assignment/                 the rubric, and what it reads
    cache/brought/TASK/         prepared data: its targets never leave the host's process there either
    results/                    results.json for the days on which nothing works
"""
