"""The worker process: the only room that imports torch. `link` is its outside, safe to import anywhere."""
