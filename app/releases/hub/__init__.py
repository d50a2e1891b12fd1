"""Publishing releases in dataset repositories of the Hugging Face Hub, or of a server like it."""
