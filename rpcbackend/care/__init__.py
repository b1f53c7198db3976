"""The care of a store from the command line, one module a command."""
