"""What people click below an answer, and the forms that open then: their JSON, and what comes of it."""
