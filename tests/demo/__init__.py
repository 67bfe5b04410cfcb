"""`make demo`: the main job as a story."""
