"""Long work: what runs it beside the calls, and what begins by itself."""
