"""What an answer is made of beside the model's text: what is shown on the way, what stands below it, its links."""
