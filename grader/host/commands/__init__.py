"""The built-in commands, each a plugin over `grader_register_commands`."""
