"""Studies: each module lists runs, `runner` does them, `record` reads what they leave behind."""
