"""Saved chats: kept in SQLite or PostgreSQL, answered by streams that outlive their readers."""
