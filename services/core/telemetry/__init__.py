"""What operators see of a call: its id on every hop, its log lines and its trace."""
