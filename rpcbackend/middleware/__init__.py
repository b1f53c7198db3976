"""The rings around every handler: each decides over a complete, valid call. One file a ring."""
