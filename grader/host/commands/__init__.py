"""The built-in commands, each a plugin over `grader_register_commands`; what they do is imported when they run."""
