"""What is promised when something breaks (rows.py), one test or more a row, each with the figure it measured (table.py)."""
