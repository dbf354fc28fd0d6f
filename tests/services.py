"""Test services; started before pytest-django reads settings."""
