"""How the app is told: events, their delivery over HTTP and Socket Mode, and faults on demand."""
