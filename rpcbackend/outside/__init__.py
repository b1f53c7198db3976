"""What goes outside: mail, text messages, payments and webhooks, all of it from the outbox."""
