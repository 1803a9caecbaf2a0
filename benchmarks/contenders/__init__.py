"""Who is measured: one script each, with an environment of its own where it needs one."""
