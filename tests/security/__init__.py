"""What an attacker may try, tried."""
