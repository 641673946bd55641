"""Plain data that crosses the wall between host and worker. Imports neither side, and no torch."""
