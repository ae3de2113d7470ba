"""Start things: the bot, a recording, a replay in virtual time."""
