"""Training of one system for one event class: clips, augmentation, the loop, validation. Uses ``networks``,
``decision``, ``detector``; used by stage 5."""
