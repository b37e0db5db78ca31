"""Files from listed addresses: downloaded whole, checked, and found again."""
