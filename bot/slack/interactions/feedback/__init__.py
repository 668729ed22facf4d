"""What people say of an answer and its sources: 👍, 👎 with a reason, and what is wrong with a document."""
