"""Lost-index recovery."""
