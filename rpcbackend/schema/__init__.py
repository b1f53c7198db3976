"""What crosses the wire: one module of pydantic models per area, and nothing else."""
