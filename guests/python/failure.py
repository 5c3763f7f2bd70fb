class Failure(Exception):
    """Ends the program; its text is the rest of the line that the program prints."""
