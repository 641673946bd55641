"""What grading writes: sheets, feedback, the staff's page, and files for learning platforms."""
