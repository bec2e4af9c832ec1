"""The arguments of every command, by groups of commands; what runs them is not imported."""
