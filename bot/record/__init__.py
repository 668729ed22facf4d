"""The record read back: sessions, replays, exports, usage."""
