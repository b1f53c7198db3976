"""The demo school, and a morning at its desk."""
