"""The tools that are measured: one script each, with an environment of its own if it needs one."""
