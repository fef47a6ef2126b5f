"""The study of the paper's claims at a small scale."""
