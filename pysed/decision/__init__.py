"""From frame scores to events: post-processing, and how its settings are chosen. Uses numpy alone; used by training,
detection and scoring."""
