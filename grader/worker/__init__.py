"""The untrusted side: the only place where submitted code runs. Never imports the host."""
