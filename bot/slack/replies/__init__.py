"""What the bot posts: the kinds of reply, the blocks they consist of, the filter that every text passes."""
