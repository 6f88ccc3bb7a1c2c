"""What each sound is heard as: phones inside events, beside those of recordings without an event."""
