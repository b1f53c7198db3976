"""The whole program under one seed: virtual time, many clients, faults, and what must hold."""
