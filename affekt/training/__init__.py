"""Models that learn: one loop, its batches and checkpoints, and scores that no model gave on its own training clips."""
