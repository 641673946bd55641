"""Forms of the leaderboard, each a plugin over `grader_write_leaderboard`."""
