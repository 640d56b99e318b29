"""What a person does day by day: local days, goals, streaks and freezes. Pure: no clock, no table, no environment."""
