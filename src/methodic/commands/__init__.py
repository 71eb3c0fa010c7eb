"""The commands, a module for each kind; `cli` lists them all."""
