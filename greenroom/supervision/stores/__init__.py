"""Where retry states outlive their streams: in memory, or in a SQLite file."""
