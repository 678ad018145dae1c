"""Alembic's scripts that make and change the tables of a journal."""
