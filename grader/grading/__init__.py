"""Grading an assignment: a rubric of criteria over trained submissions, and what becomes of it."""
