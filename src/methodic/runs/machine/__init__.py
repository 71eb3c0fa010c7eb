"""What the machine can do, measured before a plan is frozen; and what fits into it."""
