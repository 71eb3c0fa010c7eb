"""What a run measured, for people: figures, tables, one self-contained page; reads records."""
