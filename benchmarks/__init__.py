"""Benchmarks: the time and memory that the tap takes."""
