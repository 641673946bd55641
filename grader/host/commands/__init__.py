"""Commands of the command line, each file a plugin over `grader_register_commands`."""
